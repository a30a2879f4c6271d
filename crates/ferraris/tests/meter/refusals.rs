//! What is wrong is refused, with the place and with what is allowed (issue 2, bad input).

use serde_json::{Value, json};

use crate::running::{Running, Scratch, refusal};

const OWN_KEYS: &str = "[management]\n\
    encryption_key = \"F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF\"\n\
    authentication_key = \"E0E1E2E3E4E5E6E7E8E9EAEBECEDEEEF\"\n";

#[test]
fn demo_keys_and_seeds_stay_on_this_machine() {
    let scratch = Scratch::new();
    for option in ["--wrapper", "--hdlc", "--http"] {
        let (code, said) = refusal(&scratch, &[option, "0.0.0.0:0"]);
        assert!(
            code == Some(2) && said.contains("--allow-demo-keys") && said.contains(option),
            "{said}"
        );
        let (code, said) = refusal(&scratch, &[option, "[::]:0", "--seed", "1", "--allow-demo-keys"]);
        assert!(code == Some(2) && said.contains("--seed"), "{said}");
    }
    assert!(!scratch.join("state").exists(), "nothing was begun");
    Running::start(&scratch, &["--wrapper", "0.0.0.0:0", "--allow-demo-keys"]).stop("-TERM");
    let config = scratch.join("own.toml");
    std::fs::write(&config, OWN_KEYS).expect("a disk");
    let config = config.to_str().expect("text");
    Running::start(&scratch, &["--wrapper", "0.0.0.0:0", "--config", config]).stop("-TERM");
    let (code, said) = refusal(&scratch, &["--wrapper", "0.0.0.0:0", "--config", config, "--seed", "1"]);
    assert!(code == Some(2) && said.contains("--seed"), "{said}");
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_is_allowed() {
    let scratch = Scratch::new();
    let check = |args: &[&str], expected: &str| {
        let (code, said) = refusal(&scratch, args);
        assert!(code == Some(2) && said.contains(expected), "{args:?}: {code:?} {said}");
    };
    check(&["--variant", "ST403"], "allowed are SM402D, ST402D, ST402C");
    check(&["--speed", "fast"], "allowed are 0 (paused), 0.1 to 100000, and max");
    check(&["--speed", "0.01"], "allowed are 0 (paused), 0.1 to 100000, and max");
    check(&["--start", "yesterday"], "RFC 3339");
    check(&["--for", "0s"], "allowed are spans");
    check(&["--wrapper", "here"], "--wrapper");
    check(&["--colour"], "--colour");
}

#[test]
fn broken_files_end_with_1_and_are_named_with_their_line() {
    let scratch = Scratch::new();
    let file = scratch.join("broken.toml");
    let path = file.to_str().expect("text").to_owned();
    let check = |option: &str, text: &str, expected: &str| {
        std::fs::write(&file, text).expect("a disk");
        let (code, said) = refusal(&scratch, &[option, &path]);
        assert!(
            code == Some(1) && said.contains(&format!("broken.toml:{expected}")),
            "{code:?} {said}"
        );
    };
    check(
        "--config",
        "serial = 1\nvariant = \"ST400\"",
        "2:1: variant is \"ST400\"; allowed are SM402D, ST402D, ST402C",
    );
    check("--config", "serial = ", "1:");
    check(
        "--scenario",
        "[[at]]\ntime = \"1s\"\nsupply = { frequency_hz = 3 }",
        "3:12: at/0/supply/frequency_hz is 3; allowed are 40 to 70",
    );
    let (code, said) = refusal(&scratch, &["--config", "absent.toml"]);
    assert!(code == Some(1) && said.contains("absent.toml: No such file"), "{said}");
    assert!(!scratch.join("state").exists(), "nothing was begun");
}

#[test]
fn the_examples_of_the_manual_are_accepted() {
    let scratch = Scratch::new();
    let example = |name: &str| format!("{}/../../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let (config, scenario) = (example("meter.toml"), example("day.toml"));
    let meter = Running::start(&scratch, &["--config", &config, "--scenario", &scenario]);
    assert_eq!(meter.state()["serial"], "40200002");
    assert_eq!(
        meter.says["clients"].as_array().map(Vec::len),
        Some(3),
        "{}",
        meter.says["clients"]
    );
}

#[test]
fn two_meters_cannot_share_a_state_or_a_port() {
    let scratch = Scratch::new();
    let meter = Running::start(&scratch, &[]);
    let (code, said) = refusal(&scratch, &[]);
    assert!(code == Some(1) && said.contains("in use by another meter"), "{said}");
    let elsewhere = Scratch::new();
    let (code, said) = refusal(&elsewhere, &["--http", meter.address("http")]);
    assert!(
        code == Some(1) && said.contains("cannot listen on") && said.contains("--http"),
        "{said}"
    );
}

/// Issue 2, item 7: errors are problem+json with pointers, and a refused request changes nothing.
#[test]
fn the_control_interface_refuses_by_the_contract() {
    let scratch = Scratch::new();
    let meter = Running::start(&scratch, &["--speed", "0"]);
    let json_type = "Content-Type: application/json";
    let check = |method: &str, path: &str, headers: &[&str], body: &str, status: u16, name: &str| -> Value {
        let answer = meter.request(method, path, headers, body.as_bytes());
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert!(answer.head.contains("application/problem+json"), "{}", answer.head);
        let problem = answer.json();
        assert_eq!(problem["type"], format!("urn:ferraris:problem:{name}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["errors"].is_array());
        problem
    };
    let load = "/api/v1/world/load";
    let before = meter.state()["world"].clone();
    let problem = check(
        "PUT",
        "/api/v1/world/supply",
        &[json_type],
        r#"{"phases":[{"volts":500},{"volts":1},{"volts":1}]}"#,
        422,
        "out-of-range",
    );
    assert_eq!(
        problem["errors"],
        json!([{ "pointer": "#/phases/0/volts", "detail": "is 500; allowed are 0 to 400" }])
    );
    assert_eq!(problem["detail"], "phases/0/volts is 500; allowed are 0 to 400");
    check(
        "PUT",
        load,
        &[json_type],
        r#"{"phases":[{"amps":1,"amp":2},{"amps":1},{"amps":1}]}"#,
        422,
        "unknown-field",
    );
    check(
        "PUT",
        load,
        &[json_type],
        r#"{"phases":[{},{"amps":1},{"amps":1}]}"#,
        422,
        "missing-field",
    );
    check("PUT", load, &[json_type], r#"{"household":"yes"}"#, 422, "wrong-type");
    check("PUT", load, &[json_type], "[1]", 422, "wrong-type");
    check("PUT", load, &[json_type], "{\"household\":", 400, "malformed-json");
    check("PUT", load, &[json_type], "", 400, "malformed-json");
    check("PUT", load, &[], "{}", 415, "unsupported-media-type");
    check(
        "PUT",
        load,
        &["Content-Type: text/json"],
        "{}",
        415,
        "unsupported-media-type",
    );
    let long = format!("{{\"household\": \"{}\"}}", "x".repeat(70_000));
    check("PUT", load, &[json_type], &long, 413, "too-large");
    check(
        "PUT",
        load,
        &[json_type, "Host: evil.example"],
        "{}",
        403,
        "foreign-origin",
    );
    check(
        "PUT",
        load,
        &[json_type, "Origin: http://evil.example"],
        "{}",
        403,
        "foreign-origin",
    );
    check(
        "GET",
        "/api/v1/state",
        &["Host: evil.example:8080"],
        "",
        403,
        "foreign-origin",
    );
    check("GET", "/", &["Host: evil.example"], "", 403, "foreign-origin");
    check("GET", "/nowhere", &[], "", 404, "not-found");
    check("GET", "/api/v1/nowhere", &[], "", 404, "not-found");
    check("GET", "/api/v1/waveform?cycles=11", &[], "", 400, "bad-parameter");
    check("DELETE", load, &[], "", 405, "method-not-allowed");
    let answer = meter.request("POST", "/api/v1/state", &[], b"");
    assert!(
        answer.status == 405 && answer.head.to_lowercase().contains("allow: get, head"),
        "{}",
        answer.head
    );
    assert_eq!(meter.state()["world"], before, "a refused request changes nothing");
    let charset = meter.request(
        "PUT",
        load,
        &["Content-Type: application/json; charset=utf-8"],
        br#"{"household":true}"#,
    );
    assert_eq!(charset.status, 200);
}
