//! Nodes bought for pools: at the pool's price, with its daemons, apart from those of other clusters.

use super::*;

const ROOM: [&str; 3] = ["4", "16Gi", "110"];

/// A node of a pool of EKS.
fn of_pool(name: &str, pool: &str) -> Value {
    let mut own = node(name, ROOM, "", "m");
    own["metadata"]["labels"]["eks.amazonaws.com/nodegroup"] = pool.into();
    own
}

#[test]
fn nodes_of_a_spot_pool_have_the_spot_price() {
    let mut items = vec![of_pool("s1", "general"), of_pool("s2", "general")];
    items[0]["metadata"]["labels"]["eks.amazonaws.com/capacityType"] = "SPOT".into();
    let selector = json!({"nodeSelector": {"eks.amazonaws.com/capacityType": "SPOT"}});
    items.push(pod("a-0", ["3", "1Gi"], Some("s1"), &selector));
    items.push(pod("b-0", ["3", "1Gi"], None, &selector));
    let mut asked = buying(Minimize::Cost, &[("m", 192)]);
    asked.offers[0].spot = Some(60);
    let price = |asked: &Questions| {
        let buy = ask(&items, asked).buy.expect("an answer");
        let reached = buy.purchase.reached.expect("enough nodes");
        (reached.price, buy.picture.expect("a picture").price)
    };
    assert_eq!(price(&asked), (120, 120));
    asked.keeps = true;
    // The other node is on demand.
    assert_eq!(price(&asked), (60, 312));
    // Without a price of spot capacity the one on demand counts.
    asked.offers[0].spot = None;
    assert_eq!(price(&asked), (192, 576));
}
