//! Customers and products: a sale knows whose it is, its lines know what they are called.

use std::fs;

use serde_json::json;
use tillgate_tests::broker::Broker;
use tillgate_tests::deadline::within;
use tillgate_tests::sales::{GTIN, LOYALTY, sale};
use tillgate_tests::site::Site;
use tillgate_tests::witness::Witness;

use crate::{TEST_SECONDS, WAIT_SECONDS};

const CUSTOMERS: &str = "id,name,loyalty,phone,email\n\
                         c-81231,王小明,9156001122334,+8613812345678,wang@example.com\n\
                         c-2,Ann Lee,9156009999999,+8613800000000,ann@example.com\n";

#[test]
fn a_sale_is_linked_by_what_it_says_of_its_buyer() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let file = site.folder().join("customers.csv");
        fs::write(&file, CUSTOMERS).unwrap();
        let import = site.run(&["customers", "import", file.to_str().unwrap()]);
        assert_eq!(import.code, 0, "{}", import.stderr);

        let mut by_phone = sale("01", 2);
        by_phone["customer"] = json!({ "phone": "+86 138 0000 0000" });
        let mut unknown = sale("01", 3);
        unknown["customer"] = json!({ "loyalty": "9156000000001" });
        let mut nobody = sale("01", 4);
        nobody["customer"] = json!(null);
        let answer = site.terminal(0).sell_all(&[sale("01", 1), by_phone, unknown, nobody]);
        assert_eq!(answer.status, 201, "{}", answer.text());

        let events = witness.wait_for_events(4, WAIT_SECONDS);
        let link = |index: usize| &events[index]["data"]["link"];
        assert_eq!(link(0)["customer_id"], "c-81231", "{}", link(0));
        assert_eq!(
            (&link(0)["decision"], &link(0)["method"]),
            (&json!("linked"), &json!("loyalty"))
        );
        assert_eq!(link(1)["customer_id"], "c-2", "{}", link(1));
        assert_eq!((&link(2)["decision"], &link(2)["customer_id"]), (&json!("new"), &json!(null)));
        assert_eq!(link(3)["decision"], "anonymous");
    });
}

#[test]
fn lines_get_their_names_from_the_catalog() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let witness = Witness::of(&broker);
        let site = Site::with(&broker);
        let _gateway = site.start();
        let file = site.folder().join("catalog.csv");
        fs::write(&file, format!("gtin,sku,description\n{GTIN},TEA-500,绿茶 500ml\n")).unwrap();
        let import = site.run(&["catalog", "import", file.to_str().unwrap()]);
        assert_eq!(import.code, 0, "{}", import.stderr);

        assert_eq!(site.terminal(0).sell(&sale("01", 1)).status, 201);
        let event = witness.wait_for_events(1, WAIT_SECONDS).remove(0);
        assert_eq!(event["data"]["lines"][0]["description"], "绿茶 500ml");
        assert_eq!(
            event["data"]["lines"][1]["description"], "carrier bag",
            "the terminal's own name stays"
        );
    });
}

#[test]
fn customers_in_clear_are_not_on_the_disk() {
    within(TEST_SECONDS, || {
        let broker = Broker::plain();
        let site = Site::with(&broker);
        let mut gateway = site.start();
        let file = site.folder().join("customers.csv");
        fs::write(&file, CUSTOMERS).unwrap();
        assert_eq!(site.run(&["customers", "import", file.to_str().unwrap()]).code, 0);
        gateway.terminate();
        for entry in fs::read_dir(site.data_dir()).unwrap().flatten() {
            let Ok(content) = fs::read(entry.path()) else { continue };
            let content = String::from_utf8_lossy(&content);
            for secret in [LOYALTY, "13812345678", "wang@example.com"] {
                assert!(!content.contains(secret), "{secret} is in {}", entry.path().display());
            }
        }
    });
}
