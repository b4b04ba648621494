//! What a person sees at the console, kept as transcripts.

use thimble_serial::{Reply, Request};

use crate::golden;
use crate::terminal::Terminal;

const CONTROL_C: &str = "\x03";

fn check(name: &str, lines: &[&str]) {
    let mut terminal = Terminal::new();
    for line in lines {
        terminal.types(line);
    }
    golden::check(&format!("shell/{name}.txt"), &terminal.transcript);
}

#[test]
fn help() {
    check("help", &["help\r"]);
}

#[test]
fn line_ends() {
    check("line_ends", &["time\r\n", "time\n", "\r\r", "  \r\n"]);
}

#[test]
fn editing() {
    check(
        "editing",
        &[
            "tinme\x7f\x7f\x7fme\r",
            "ime\x01t\r",
            "Xtime\x1b[H\x1b[3~\x1b[F\r",
            "tiäme\x1b[D\x1b[D\x08\r",
            "rm me please\x17\x17a\x15time\r",
            "time now\x1b[D\x1bOD\x02\x02\x0b\r",
            "ti\x0cme\r",
            "never\x03time\r",
            // Backspace with nothing before it; deleting with nothing behind it.
            "\x7f\x04\x15\x17\x0btime\r",
        ],
    );
}

#[test]
fn history() {
    check(
        "history",
        &[
            "first\r",
            "second\r",
            "second\r",
            "\x1b[A\x1b[A\x1b[A\r",
            "\x10\x10\x0e\r",
            "typed\x1b[B\r",
        ],
    );
}

#[test]
fn long_lines() {
    check(
        "long_lines",
        &[&"x".repeat(300), "\x15", &"€".repeat(100), "\r"],
    );
}

#[test]
fn bytes_that_are_no_text() {
    let mut terminal = Terminal::new();
    let mut out = String::new();
    for byte in b"\xff\xc3\x28\xe2\x82\xed\xa0\x80\xf8\x88\x00\xc0\x80\xc3\xa4\x1b[99;99~\x1bx\r" {
        terminal.shell.feed(*byte, &mut out);
    }
    terminal.show(&out);
    golden::check("shell/bytes.txt", &terminal.transcript);
}

#[test]
fn quotes() {
    check(
        "quotes",
        &[
            "start 'two words' \"a \\\" quote\" back\\ slash ''\r",
            "start 'open\r",
            "start \"open\\\r",
            "start open\\\r",
        ],
    );
}

#[test]
fn creating() {
    check(
        "creating",
        &[
            "create --name pump --restart on-failure:3 --allow timer --allow=gpio:led0 -e A=b --env C= -m 64k --cpus 0.5 \
             --timeout 1.5m --entry main --limit stack=4k --limit kv=1m i:1 --name x -- y\r",
            "run -d --rm --name pump --queue-messages 4 --message-bytes 512 i:1\r",
            "create\r",
            "create --name\r",
            "create --nam x\r",
            "create -m 5q i\r",
            "create --memory=0 i\r",
            "create --rm=yes i\r",
            "create -d i\r",
            "create -e A i\r",
            "create --limit x=1 i\r",
            "create --restart sometimes i\r",
            "create --cpus 0.00001 i\r",
            "create --cpus 4294967.295 i\r",
            "create --timeout 2000000h i\r",
        ],
    );
}

#[test]
fn life() {
    check(
        "life",
        &[
            "start a gone b\r",
            "stop -t 500ms a\r",
            "stop a b\r",
            "kill a\r",
            "pause a\r",
            "unpause a\r",
            "restart a\r",
            "rm -f a gone\r",
            "rm\r",
            "rm -x a\r",
            "rmi line1/pump:1\r",
            "reboot\r",
            "reboot now\r",
            "fly\r",
        ],
    );
}

#[test]
fn showing() {
    check(
        "showing",
        &[
            "ps\r",
            "ps -a\r",
            "stats\r",
            "images\r",
            "inspect a\r",
            "records a\r",
            "df\r",
            "device\r",
            "fault\r",
            "fault clear\r",
            "fault x\r",
            "time\r",
            "time 2000-02-29T12:34:56Z\r",
            "time '2026-12-31 23:59:59'\r",
            "time 951827696\r",
            "time 2026-13-01T00:00:00Z\r",
            "time noon\r",
        ],
    );
}

#[test]
fn logs() {
    check("logs", &["logs pump\r", "logs\r", "logs a b\r"]);
}

#[test]
fn logs_are_followed_until_interrupted() {
    let mut terminal = Terminal::new();
    terminal.looks = u32::MAX;
    terminal.is_answering = false;
    terminal.types("logs -f pump\r");
    for _ in 0..5 {
        terminal.step();
    }
    terminal.types("time\r").types(CONTROL_C).types("time\r");
    terminal.step();
    golden::check("shell/follow.txt", &terminal.transcript);
}

#[test]
fn a_container_that_is_run_is_followed_to_its_end() {
    let mut terminal = Terminal::new();
    terminal.looks = 4;
    terminal.types("run --name pump i:1\r").types("time\r");
    golden::check("shell/run.txt", &terminal.transcript);
}

#[test]
fn control_c_stops_what_is_run_and_then_kills_it() {
    let mut terminal = Terminal::new();
    terminal.looks = u32::MAX;
    terminal.is_answering = false;
    terminal.types("run --name pump i:1\r");
    for _ in 0..3 {
        terminal.step();
    }
    for _ in 0..3 {
        terminal.types(CONTROL_C);
        terminal.step();
        terminal.step();
    }
    golden::check("shell/interrupt.txt", &terminal.transcript);
}

#[test]
fn what_is_typed_ahead_comes_afterwards() {
    check("ahead", &["time\rdf\rps -a\r"]);
}

#[test]
fn an_interrupted_command_swallows_no_other_reply() {
    let mut terminal = Terminal::new();
    terminal.is_answering = false;
    terminal.types("stop pump\r");
    let request = terminal.shell.next_request(0);
    assert!(matches!(request, Some(Request::Stop { .. })));
    terminal.types(CONTROL_C).types("time\r");
    assert_eq!(
        terminal.shell.next_request(0),
        None,
        "the stop is not answered yet"
    );
    let mut out = String::new();
    terminal.shell.reply(&Reply::Done, 0, &mut out);
    assert_eq!(out, "");
    assert_eq!(terminal.shell.next_request(0), Some(Request::Device));
}

#[test]
fn a_factory_reset_is_meant() {
    check(
        "factory_reset",
        &[
            "factory-reset\r",
            "no\r",
            "factory-reset\r",
            CONTROL_C,
            "yes\r",
            "factory-reset\r",
            "yes\r",
        ],
    );
}

#[test]
fn notices_do_not_disturb_what_is_typed() {
    let mut terminal = Terminal::new();
    let mut out = String::new();
    terminal.types("ti");
    terminal.shell.notice("pump: trapped", &mut out);
    terminal.show(&out);
    terminal.types("me\r");
    golden::check("shell/notice.txt", &terminal.transcript);
}
