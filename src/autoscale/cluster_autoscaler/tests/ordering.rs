//! Orders that come, fail or take too long, and groups that are left alone after that.

use super::super::*;
use super::growing::{group, grow, pending, plan};
use units::{Instant, SortedMap};

#[test]
fn nodes_that_do_not_come_back_their_group_off_twice_as_long_each_time() {
    let mut grower = Grower::new(GrowSettings::default());
    let groups = [group("only", 4000)];
    assert_eq!(
        plan(&mut grower, 10, &groups, &pending(4, 10)),
        grow("only", 1, 4)
    );
    assert_eq!(
        grower.expire(Instant::from_secs(910), &SortedMap::new()),
        []
    );
    let late = grower.expire(Instant::from_secs(911), &SortedMap::new());
    assert_eq!(late, [("only".into(), 1)]);
    assert_eq!(
        plan(&mut grower, 1210, &groups, &pending(4, 99)),
        Growth::NoOption
    );
    assert_eq!(
        plan(&mut grower, 1211, &groups, &pending(4, 99)),
        grow("only", 1, 4)
    );
    grower.failed(&"only".into(), Instant::from_secs(1300));
    assert!(grower.is_backed_off("only", Instant::from_secs(1899)));
    assert!(!grower.is_backed_off("only", Instant::from_secs(1900)));
}

#[test]
fn nodes_that_come_and_do_not_start_fail_their_group_too() {
    let mut grower = Grower::new(GrowSettings::default());
    let groups = [group("only", 4000)];
    let starts = SortedMap::from([("only".into(), 1)]);
    assert_eq!(
        plan(&mut grower, 10, &groups, &pending(4, 10)),
        grow("only", 1, 4)
    );
    grower.registered("only");
    assert_eq!(grower.expire(Instant::from_secs(910), &starts), []);
    assert!(!grower.is_backed_off("only", Instant::from_secs(910)));
    // None is on its way, and the group failed all the same.
    assert_eq!(grower.expire(Instant::from_secs(911), &starts), []);
    assert!(grower.is_backed_off("only", Instant::from_secs(1210)));
    assert!(!grower.is_backed_off("only", Instant::from_secs(1211)));
    // Once its nodes have started, a request is done, however long ago it was.
    plan(&mut grower, 1211, &groups, &pending(4, 10));
    grower.registered("only");
    grower.expire(Instant::from_secs(1300), &SortedMap::new());
    grower.expire(Instant::from_secs(9000), &starts);
    assert!(!grower.is_backed_off("only", Instant::from_secs(9000)));
}

#[test]
fn one_node_that_fails_leaves_the_others_on_their_way() {
    let mut grower = Grower::new(GrowSettings::default());
    let groups = [group("only", 1000)];
    plan(&mut grower, 10, &groups, &pending(4, 10));
    for _ in 0..2 {
        grower.failed(&"only".into(), Instant::from_secs(20));
    }
    assert_eq!(grower.ordered(), 2);
    assert!(grower.is_backed_off("only", Instant::from_secs(319)));
    assert!(!grower.is_backed_off("only", Instant::from_secs(320)));
}

#[test]
fn a_group_that_lacks_more_than_three_ready_nodes_does_not_grow() {
    for (unready, expected) in [(3, grow("only", 1, 4)), (4, Growth::NoOption)] {
        let mut own = group("only", 4000);
        (own.target, own.unready) = (5, unready);
        let mut grower = Grower::new(GrowSettings::default());
        assert_eq!(plan(&mut grower, 10, &[own], &pending(4, 10)), expected);
    }
}

#[test]
fn back_off_doubles_up_to_half_an_hour_and_is_forgotten_after_three_hours() {
    let mut grower = Grower::new(GrowSettings::default());
    let name = "only".into();
    let mut now = 0;
    for minutes in [5, 10, 20, 30, 30] {
        grower.failed(&name, Instant::from_secs(now));
        let until = now + minutes * 60;
        assert!(grower.is_backed_off("only", Instant::from_secs(until - 1)));
        assert!(!grower.is_backed_off("only", Instant::from_secs(until)));
        now = until + 1;
    }
    // The last failure was half an hour ago; three hours after it all is forgotten.
    for (hours, minutes) in [(2, 30), (3, 5)] {
        now += hours * 3600 + 1;
        grower.failed(&name, Instant::from_secs(now));
        let until = now + minutes * 60;
        assert!(
            grower.is_backed_off("only", Instant::from_secs(until - 1)),
            "{hours} h"
        );
        assert!(
            !grower.is_backed_off("only", Instant::from_secs(until)),
            "{hours} h"
        );
    }
}
