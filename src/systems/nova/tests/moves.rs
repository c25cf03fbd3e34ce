//! Candidates of instances that move, and their server groups (spec: orchestrators-a.md sections 6.1 and 6.3).

use super::{all, worked};
use crate::nova::flavor::{Group, GroupPolicy};
use crate::nova::options::Rules;
use crate::nova::scheduler::{Cloud, Request};

#[test]
fn hosts_that_are_down_or_to_be_left_count_as_candidates_and_disabled_ones_do_not() {
    let mut cloud = worked();
    let rules = Rules {
        most_candidates: 1,
        ..Rules::default()
    };
    let feasible = |cloud: &Cloud, request: &Request| cloud.feasible(request, &all(cloud), &rules);
    let usual = Request::default();
    assert_eq!(feasible(&cloud, &usual), Ok(vec![0]));
    let leaving = Request {
        excluded: vec![0],
        ..Request::default()
    };
    assert!(feasible(&cloud, &leaving).is_err());
    cloud.hosts[0].is_up = false;
    assert!(feasible(&cloud, &usual).is_err());
    cloud.hosts[0].is_enabled = false;
    assert_eq!(feasible(&cloud, &usual), Ok(vec![1]));
    assert_eq!(feasible(&cloud, &leaving), Ok(vec![1]));
}

#[test]
fn an_instance_that_moves_is_a_member_where_it_is_and_may_stay_there_if_apart() {
    let rules = Rules::default();
    let mut cloud = worked();
    let request = |policy, present| Request {
        group: Some(Group {
            name: "g".into(),
            policy,
        }),
        present,
        ..Request::default()
    };
    let apart = GroupPolicy::AntiAffinity { most_per_host: 1 };
    cloud.add(0, &request(apart, None), false);
    let feasible = |policy, present| {
        let hosts = cloud.feasible(&request(policy, present), &all(&cloud), &rules);
        hosts.unwrap_or_default()
    };
    assert_eq!(feasible(apart, None), [1, 2]);
    assert_eq!(feasible(apart, Some(0)), [0, 1, 2]);
    assert_eq!(feasible(GroupPolicy::Affinity, Some(0)), [0]);
}
