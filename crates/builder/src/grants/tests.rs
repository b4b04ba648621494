//! Requests against imports.

use thimble_image::ImageConfig;
use thimble_runtime::module::Module;

use super::check;

/// What does not fit, line by line.
fn lines(imports: &[(&str, &str, &str)], grants: &[&str], volumes: &[&str]) -> Vec<String> {
    let imports: String = imports
        .iter()
        .map(|(module, name, ty)| format!("(import \"{module}\" \"{name}\" (func {ty}))"))
        .collect();
    let module = Module::parse(wat::parse_str(format!("(module {imports})")).unwrap()).unwrap();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let config = ImageConfig {
        grants: texts(grants),
        volumes: texts(volumes),
        ..ImageConfig::default()
    };
    check(&config, &module).unwrap().lines().collect()
}

const WASI: &str = "wasi_snapshot_preview1";
const OPEN: (&str, &str, &str) = (
    WASI,
    "path_open",
    "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
);
const UNLINK: (&str, &str, &str) = (WASI, "path_unlink_file", "(param i32 i32 i32) (result i32)");
const READDIR: (&str, &str, &str) = (
    WASI,
    "fd_readdir",
    "(param i32 i32 i32 i64 i32) (result i32)",
);
const BIND: (&str, &str, &str) = (WASI, "sock_bind", "(param i32 i32) (result i32)");
const CONNECT: (&str, &str, &str) = (WASI, "sock_connect", "(param i32 i32) (result i32)");
const RESOLVE: (&str, &str, &str) = (
    WASI,
    "sock_addr_resolve",
    "(param i32 i32 i32 i32 i32 i32) (result i32)",
);
const PIN: (&str, &str, &str) = ("env", "ocre_gpio_init", "(result i32)");
const TIMER: (&str, &str, &str) = ("env", "ocre_timer_create", "(param i32) (result i32)");

#[test]
fn requests_and_imports() {
    for (imports, grants, volumes, expected) in [
        (&[][..], &[][..], &[][..], &[][..]),
        (&[OPEN], &["fs"], &[], &[]),
        // A volume brings the grant for files.
        (&[OPEN], &[], &["/data"], &[]),
        (
            &[OPEN, UNLINK],
            &[],
            &[],
            &["`path_open`, `path_unlink_file` need the grant `fs`, which is not asked for"],
        ),
        (&[READDIR], &["filesystem"], &[], &[]),
        (
            &[],
            &["fs"],
            &["/data"],
            &[
                "the grant `fs` is asked for, but no import of the module can use it",
                "the volume `/data` is asked for, but no import of the module can use files",
            ],
        ),
        (
            &[BIND],
            &[],
            &[],
            &["`sock_bind` needs the grant `net.listen` or `net.connect`, which is not asked for"],
        ),
        (&[BIND], &["net.listen:tcp/80"], &[], &[]),
        (
            &[CONNECT, RESOLVE],
            &["net.connect:example.org:443"],
            &[],
            &[],
        ),
        (&[CONNECT, RESOLVE, BIND], &["networking"], &[], &[]),
        (
            &[CONNECT],
            &["net.connect:example.org:443", "net.resolve:a.b"],
            &[],
            &["the grant `net.resolve:a.b` is asked for, but no import of the module can use it"],
        ),
        // Ocre's words: one that stands for several is of use if one of them is; `console` never hurts.
        (&[PIN], &["ocre:api", "console"], &[], &[]),
        (
            &[PIN, TIMER],
            &["ocre_timers", "kv"],
            &[],
            &[
                "`ocre_gpio_init` needs the grant `gpio`, which is not asked for",
                "the grant `kv` is asked for, but no import of the module can use it",
            ],
        ),
    ] {
        assert_eq!(
            lines(imports, grants, volumes),
            expected,
            "{imports:?} {grants:?}"
        );
    }
}

#[test]
fn a_grant_that_nobody_can_read_is_an_error() {
    let module = Module::parse(wat::parse_str("(module)").unwrap()).unwrap();
    for text in ["gpoi:led0", "net.listen:x", "fs:what", ""] {
        let config = ImageConfig {
            grants: vec![text.into()],
            ..ImageConfig::default()
        };
        assert!(check(&config, &module).is_err(), "{text}");
    }
}
