use super::*;

fn functions() -> BTreeMap<u64, String> {
    ["main", "open", "read", "write"]
        .into_iter()
        .zip([10, 20, 30, 40])
        .map(|(name, address)| (address, name.to_owned()))
        .collect()
}

fn stage(name: &str, entered: impl IntoIterator<Item = u64>) -> Stage {
    Stage {
        name: name.to_owned(),
        entered: entered.into_iter().collect(),
    }
}

#[test]
fn earlier_stages_come_first_and_nothing_comes_twice() {
    let stages = [
        stage("hello", [40, 10]),
        stage("files", [10, 30]),
        stage("network", [20, 40]),
    ];
    assert_eq!(
        lines(&functions(), &stages),
        "# hello\nmain\nwrite\n# files\nread\n# network\nopen\n"
    );
}

#[test]
fn what_has_no_name_is_left_out() {
    assert_eq!(
        lines(&functions(), &[stage("hello", [11, 20])]),
        "# hello\nopen\n"
    );
}
