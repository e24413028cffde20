//! The JSON Web Signature cases of Project Wycheproof.
//!
//! The cases lie beside the checkout, in `../shared/vectors`; where they do not, this says so and passes. A
//! case whose verdict is a choice has that verdict, with its reason, in `vectors/wycheproof_verdicts.json`,
//! which the .NET test reads too. Every other case must come out as the project says.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tessera_native::format::jwt::verify_jws;
use tessera_native::format::key::jws_key;

#[test]
fn every_case_comes_out_as_stated() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("../shared/vectors/wycheproof_jws.json");
    let Ok(text) = std::fs::read(&path) else {
        println!("The Wycheproof cases are absent: no file {}. Nothing was checked.", path.display());
        return;
    };
    let cases: Value = serde_json::from_slice(&text).unwrap();
    let verdicts: BTreeMap<String, BTreeMap<String, String>> =
        serde_json::from_slice(&std::fs::read(root.join("tests/vectors/wycheproof_verdicts.json")).unwrap()).unwrap();

    let (mut checked, mut chosen) = (0, 0);
    let mut wrong = Vec::new();
    for group in cases["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]).to_string();
        for case in group["tests"].as_array().unwrap() {
            let id = case["tcId"].to_string();
            let stated = case["result"] == "valid";
            let expected = match verdicts.get(&id) {
                None => stated,
                Some(verdict) => {
                    chosen += 1;
                    assert!(!verdict["why"].is_empty(), "case {id} has no reason");
                    verdict["verdict"] == "accepted"
                }
            };
            let accepted = accepts(&key, &case["jws"]);
            checked += 1;
            if accepted != expected {
                wrong.push(format!("case {id} ({}): accepted is {accepted}", case["comment"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(checked, cases["numberOfTests"].as_u64().unwrap(), "every case was checked");
    assert_eq!(chosen, verdicts.len(), "every written verdict belongs to a case");
    println!("{checked} cases, {chosen} of them by a written verdict");
}

fn accepts(key: &str, jws: &Value) -> bool {
    let jws = jws.as_str().map_or_else(|| jws.to_string(), str::to_owned);
    jws_key(key.as_bytes()).is_ok_and(|key| verify_jws(jws.as_bytes(), &key).is_ok())
}
