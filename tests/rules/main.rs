//! The rules of the five documented systems, sentence by sentence.
//!
//! Each module is a document. A case names the topic of the sentence whose rule it checks, so a failure says which
//! sentence of which document no longer holds. What a case expects is what the document says, and not what the code
//! happens to do.
//!
//! - [`powershell_universal`]: PowerShell Universal, app tokens.
//! - [`universal_dashboard`]: Universal Dashboard, REST API authentication.
//! - [`rubrik`]: Rubrik, API tokens.
//! - [`enterprise`]: the security grid of an enterprise system, security and tokens.
//! - [`appneta`]: AppNeta APM, API access tokens.

mod appneta;
mod enterprise;
mod powershell_universal;
mod rubrik;
#[path = "../support/mod.rs"]
mod store;
mod support;
mod universal_dashboard;
