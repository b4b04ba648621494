use super::*;

#[test]
fn no_object_file_is_no_program() {
    assert!(Program::parse(b"#!/bin/sh\n").is_err());
    assert!(!is_linked_by_lld(b"Linker: LLD"));
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_loaded_anywhere_has_no_addresses() {
    let ourselves = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let refused = Program::parse(&ourselves).err().unwrap().to_string();
    assert!(refused.contains("loaded anywhere"), "{refused}");
}
