use super::*;

use std::fs;

/// One function on the first thread, one on another, one in a child and one nowhere.
const SOURCE: &str = r#"
#[unsafe(no_mangle)] #[inline(never)] extern "C" fn on_the_first_thread() { std::hint::black_box(1); }
#[unsafe(no_mangle)] #[inline(never)] extern "C" fn on_another_thread() { std::hint::black_box(2); }
#[unsafe(no_mangle)] #[inline(never)] extern "C" fn nowhere() { std::hint::black_box(3); }
fn main() {
    on_the_first_thread();
    let thread = std::thread::spawn(|| on_another_thread());
    thread.join().unwrap();
    assert!(std::process::Command::new("true").status().unwrap().success());
    let ended = std::env::args().nth(1).map_or(0, |code| code.parse().unwrap());
    if ended == 9 { nowhere(); }
    std::process::exit(ended);
}
"#;

#[test]
fn what_runs_is_found_on_every_thread() {
    if let Err(error) = check() {
        println!("SKIPPED: {error:#}");
        return;
    }
    let folder = std::env::temp_dir().join(format!("thimble-trace-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (source, path) = (folder.join("watched.rs"), folder.join("watched"));
    fs::write(&source, SOURCE).unwrap();
    crate::process::run(
        Command::new("rustc")
            .args(["--edition=2024", "-Crelocation-model=static"])
            .args(["-Ctarget-feature=+crt-static", "-o"])
            .args([&path, &source]),
    )
    .unwrap();
    let program = Program::parse(&fs::read(&path).unwrap()).unwrap();
    let search_path = std::env::var_os("PATH").unwrap();

    let entered_of = entered(Command::new(&path).env("PATH", &search_path), &program).unwrap();
    let names: Vec<&str> = entered_of
        .iter()
        .map(|address| program.functions[address].as_str())
        .collect();
    for expected in ["main", "on_the_first_thread", "on_another_thread"] {
        assert!(names.contains(&expected), "{expected} is not in {names:?}");
    }
    assert!(!names.contains(&"nowhere"));

    let failed = entered(
        Command::new(&path).arg("3").env("PATH", &search_path),
        &program,
    );
    let failed = failed.err().unwrap().to_string();
    assert!(failed.contains("exit code 3"), "{failed}");
    fs::remove_dir_all(&folder).unwrap();
}
