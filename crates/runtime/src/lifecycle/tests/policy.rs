//! Reading and writing restart policies.

use alloc::string::ToString;

use crate::lifecycle::{RestartPolicy, RestartPolicyError};

#[test]
fn policies_are_read_and_written() {
    let limited = |retries| RestartPolicy::OnFailure {
        retries_max: Some(retries),
    };
    let cases = [
        ("no", RestartPolicy::Never, "no"),
        (
            "on-failure",
            RestartPolicy::OnFailure { retries_max: None },
            "on-failure",
        ),
        ("on-failure:1", limited(1), "on-failure:1"),
        ("on-failure:007", limited(7), "on-failure:7"),
        (
            "on-failure:4294967295",
            limited(u32::MAX),
            "on-failure:4294967295",
        ),
        ("always", RestartPolicy::Always, "always"),
        ("unless-stopped", RestartPolicy::Always, "always"),
    ];
    for (text, policy, written) in cases {
        assert_eq!(text.parse(), Ok(policy), "{text}");
        assert_eq!(policy.to_string(), written);
        assert_eq!(written.parse(), Ok(policy), "{written}");
    }
}

#[test]
fn what_is_no_policy_is_refused() {
    for text in [
        "",
        "No",
        "never",
        " no",
        "always ",
        "on-failure ",
        "always:3",
    ] {
        assert_eq!(
            text.parse::<RestartPolicy>(),
            Err(RestartPolicyError::Unknown { text: text.into() })
        );
    }
    for retries in ["", "0", "-1", "+1", "1.5", "three", "4294967296", "٣"] {
        assert_eq!(
            alloc::format!("on-failure:{retries}").parse::<RestartPolicy>(),
            Err(RestartPolicyError::Retries {
                text: retries.into()
            })
        );
    }
    let long = "é".repeat(100_000);
    let told = long.parse::<RestartPolicy>().unwrap_err().to_string();
    assert!(told.len() < 300, "{told}");
}
