//! `--model` with a model of the hub at a terminal: what it is and how large is said before the question, and everything but yes is no.
//! `script` of util-linux gives the program its terminal.

use super::hub_server::*;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code and what stood on the terminal after `typed`; `None` where there is no `script`.
fn at_a_terminal(variables: &[(&str, String)], args: &[&str], typed: &str) -> Option<(i32, String)> {
    let words = [&[env!("CARGO_BIN_EXE_motionlens")], args].concat();
    let line = shlex::try_join(words).unwrap();
    let mut command = Command::new("script");
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "HF_HUB_OFFLINE", "HF_TOKEN"] {
        command.env_remove(name);
    }
    command.env("MOTIONLENS_STATE_DIR", std::env::temp_dir()).env("XDG_CACHE_HOME", std::env::temp_dir());
    command.envs(variables.iter().map(|(k, v)| (k, v))).args(["--quiet", "--return", "--command", &line]);
    let child = command.arg("/dev/null").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: the program script, which gives a terminal, is not there");
        return None;
    };
    // The end of what is typed is Ctrl+D.
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Some((output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

const ASKED_FIRST: &str = "Ask http://127.0.0.1";
const ASKED_LAST: &str = "Fetch 5.88 MB? [y/N]";

fn analyze(variables: &[(&str, String)], typed: &str) -> Option<(i32, String)> {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/clips/moving-down-while-fading-in.mp4");
    let args =
        ["analyze", clip.to_str().unwrap(), "--device", "cpu", "--class", "moving left", "--model", ID];
    at_a_terminal(variables, &args, typed)
}

#[test]
fn yes_twice_fetches_after_licence_and_size_were_seen() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let variables = server.variables(&dir.path().join("cache"));
    let Some((code, said)) = analyze(&variables, "y\nYES\n") else { return };
    assert_eq!(code, 0, "{said}");
    let at = |what: &str| said.find(what).unwrap_or_else(|| panic!("{what:?} in {said}"));
    assert!(at(ASKED_FIRST) < at("Licence: mit") && at("Size: 5.88 MB") < at(ASKED_LAST), "{said}");
    assert!(at(ASKED_LAST) < at("is there.") && at("is there.") < at("moving left "), "{said}");

    // Now it is here, and nobody is asked anything.
    server.forget();
    let (code, said) = analyze(&variables, "").unwrap();
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("[y/N]") && server.asked().is_empty(), "{said}");
}

#[test]
fn anything_but_yes_is_no() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let cache = dir.path().join("cache");
    let variables = server.variables(&cache);
    for typed in ["n\n", "\n", "yess\n", "maybe y\n", ""] {
        let Some((code, said)) = analyze(&variables, typed) else { return };
        assert_eq!(code, 2, "{typed:?}: {said}");
        assert!(said.contains(ASKED_FIRST) && said.contains("was not fetched"), "{typed:?}: {said}");
        assert!(server.asked().is_empty(), "the hub has not heard of it");
    }
    for typed in ["y\nn\n", "y\n\n", "y\n"] {
        let (code, said) = analyze(&variables, typed).unwrap();
        assert_eq!(code, 2, "{typed:?}: {said}");
        assert!(said.contains("Licence: mit") && said.contains(ASKED_LAST), "{typed:?}: {said}");
        assert!(said.contains("was not fetched"), "{typed:?}: {said}");
        assert!(!server.asked().iter().any(|asked| asked.storage), "no weights were sent");
    }
    assert!(!cache.exists(), "nothing was written");
}

#[test]
fn offline_nothing_is_asked_at_the_terminal_either() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let mut variables = server.variables(dir.path());
    variables.push(("HF_HUB_OFFLINE", "1".to_owned()));
    let Some((code, said)) = analyze(&variables, "y\ny\n") else { return };
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("HF_HUB_OFFLINE is set") && !said.contains("[y/N]"), "{said}");
    assert!(server.asked().is_empty());
}
