//! Trees of queues: ranks, capabilities, and what may be taken back.

use proptest::prelude::*;

use super::*;
use crate::job_order::fixture::job;
use crate::job_order::volcano::Volcano;
use crate::job_order::yunikorn::Yunikorn;
use scheduler::batch::JobOrder;
use units::Instant;

/// A queue of queues, or that of a tenant, in another one.
fn queue(tenant: Option<u32>, parent: Option<usize>, guaranteed: i64) -> QueueOptions {
    QueueOptions {
        tenant: tenant.map(TenantId),
        parent,
        guaranteed: super::processors(Some(guaranteed)),
        ..QueueOptions::of(TenantId(0))
    }
}

/// Two departments with 6 and 4 of 10 processors: tenants 0 and 1 in the first, 2 in the second.
fn departments() -> Vec<QueueOptions> {
    vec![
        queue(None, None, 6),
        queue(Some(0), Some(0), 4),
        queue(Some(1), Some(0), 2),
        queue(None, None, 4),
        queue(Some(2), Some(3), 4),
    ]
}

fn scored(order: &mut dyn JobOrder, running: &[JobFacts], waiting: &[JobFacts]) {
    order.machine(&MachineFacts {
        nodes: 1,
        processors: 10,
        memory: 0,
        gpu_milli: 0,
    });
    for job in running {
        order.started(Instant::ZERO, job);
    }
    order.waiting(&mut waiting.iter());
    order.refresh(Instant::ZERO);
}

#[test]
fn a_department_takes_back_from_the_one_that_borrows() {
    let mut order = Yunikorn::new(departments(), true);
    scored(&mut order, &[job(0, 4), job(1, 6)], &[job(2, 4)]);
    // The second tenant borrows within its department and beyond it; the first one does not.
    assert!(order.may_reclaim(&job(2, 4), &job(1, 4)));
    // It keeps what it is guaranteed.
    assert!(!order.may_reclaim(&job(2, 4), &job(1, 5)));
    assert!(!order.may_reclaim(&job(2, 4), &job(0, 4)));
    // More than the department is guaranteed is not its to take, and nothing is taken from itself.
    assert!(!order.may_reclaim(&job(2, 5), &job(1, 4)));
    assert!(!order.may_reclaim(&job(2, 1), &job(2, 1)));
    order.ended(Instant::ZERO, &job(1, 4));
    assert!(!order.may_reclaim(&job(2, 4), &job(0, 4)));
}

#[test]
fn siblings_settle_among_themselves_what_their_department_has() {
    let mut order = Yunikorn::new(departments(), true);
    scored(&mut order, &[job(1, 6), job(2, 4)], &[job(0, 4)]);
    assert!(order.may_reclaim(&job(0, 4), &job(1, 4)));
    assert!(!order.may_reclaim(&job(0, 4), &job(2, 4)));
}

#[test]
fn priorities_and_fences_spare_jobs() {
    // Tenant 0 in the first department waits; tenant 1 beside it and tenant 2 in the other one borrow.
    let reclaims = |edit: &dyn Fn(&mut [QueueOptions])| {
        let mut queues = departments();
        edit(&mut queues);
        let mut order = Yunikorn::new(queues, true);
        scored(&mut order, &[job(1, 4), job(2, 6)], &[job(0, 1)]);
        [1, 2].map(|tenant| order.may_reclaim(&job(0, 1), &job(tenant, 1)))
    };
    let check = |edit: &dyn Fn(&mut [QueueOptions]), expected| {
        assert_eq!(reclaims(edit), expected);
    };
    check(&|_| {}, [true, true]);
    check(&|all| all[2].priority = 1, [false, true]);
    // Offsets add up; that of the department of both counts for the job that waits.
    check(&|all| all[1].priority = -1, [false, false]);
    check(
        &|all| (all[1].priority, all[0].priority) = (-1, 1),
        [true, true],
    );
    check(
        &|all| (all[4].priority, all[3].priority) = (5, -5),
        [true, true],
    );
    check(
        &|all| (all[4].priority, all[3].priority) = (5, -4),
        [true, false],
    );
    // Behind a fence, the priority of the department counts alone.
    let fence = |all: &mut [QueueOptions], department: usize, within| {
        all[department].is_priority_fence = true;
        all[department + 1].priority = within;
    };
    check(&|all| fence(all, 3, 5), [true, true]);
    check(&|all| fence(all, 0, -5), [true, true]);
    let both = |all: &mut [QueueOptions]| {
        fence(all, 3, -5);
        all[3].priority = 1;
    };
    check(&both, [true, false]);
    check(
        &|all| all[0].preemption = Some(Preemption::Fence),
        [true, false],
    );
    check(
        &|all| all[1].preemption = Some(Preemption::Fence),
        [false, false],
    );
    check(
        &|all| all[4].preemption = Some(Preemption::Fence),
        [true, true],
    );
    check(
        &|all| all[3].preemption = Some(Preemption::Disabled),
        [true, false],
    );
    let again = |all: &mut [QueueOptions]| {
        all[3].preemption = Some(Preemption::Disabled);
        all[4].preemption = Some(Preemption::Default);
    };
    check(&again, [true, true]);
}

#[test]
fn a_department_goes_by_the_most_urgent_of_its_queues_that_wait() {
    let mut queues = departments();
    queues[1].priority = 2;
    queues[4].priority = 1;
    let mut order = Yunikorn::new(queues.clone(), false);
    scored(&mut order, &[], &[job(0, 1), job(1, 1), job(2, 1)]);
    let score = |order: &Yunikorn, tenant| order.score(&job(tenant, 1), Instant::ZERO);
    assert!(score(&order, 1) < score(&order, 2));
    scored(&mut order, &[], &[job(1, 1), job(2, 1)]);
    assert!(score(&order, 2) < score(&order, 1));
    queues[0].is_priority_fence = true;
    let mut order = Yunikorn::new(queues, false);
    scored(&mut order, &[], &[job(0, 1), job(1, 1), job(2, 1)]);
    assert!(score(&order, 2) < score(&order, 0));
}

#[test]
fn what_a_department_deserves_is_poured_out_to_its_queues() {
    let weighed = |weight, options: QueueOptions| QueueOptions {
        weight,
        guaranteed: [None; RESOURCES],
        ..options
    };
    let queues = vec![
        weighed(3, queue(None, None, 0)),
        weighed(1, queue(Some(0), Some(0), 0)),
        weighed(2, queue(Some(1), Some(0), 0)),
        weighed(1, queue(Some(2), None, 0)),
    ];
    let mut order = Volcano::new(queues, true);
    let waiting = [job(0, 9), job(1, 2), job(2, 9)];
    scored(&mut order, &[job(2, 8)], &waiting);
    // The department deserves 7.5 of 10, and what one of its tenants does not ask for goes to the other.
    assert!(order.may_reclaim(&job(0, 5), &job(2, 8)));
    assert!(!order.may_reclaim(&job(0, 6), &job(2, 8)));
    assert!(order.may_reclaim(&job(1, 2), &job(2, 8)));
    assert!(order.holds_back(&job(2, 1)));
    let score = |tenant| order.score(&job(tenant, 1), Instant::ZERO);
    assert!(score(0) < score(1) && score(1) < score(2));
}

#[test]
fn no_queue_above_a_job_goes_beyond_its_capability() {
    let mut queues = departments();
    queues[0].capability = super::processors(Some(7));
    for order in [
        &mut Yunikorn::new(queues.clone(), false) as &mut dyn JobOrder,
        &mut Volcano::new(queues, false),
    ] {
        let waiting = [job(0, 3), job(0, 4), job(2, 4)];
        scored(order, &[job(1, 4)], &waiting);
        assert!(!order.holds_back(&job(0, 3)));
        assert!(order.holds_back(&job(0, 4)));
        assert!(!order.holds_back(&job(2, 4)));
        assert!(!order.reclaims());
    }
}

/// A job with processors, bytes of memory and milli-GPU.
fn sized(tenant: u32, [processors, memory, gpu_milli]: Amounts) -> JobFacts {
    JobFacts {
        memory,
        gpu_milli,
        ..job(tenant, processors)
    }
}

/// Orders with these jobs on a machine of 10 processors, 100 bytes of memory and two GPUs.
fn weighed(order: &mut dyn JobOrder, running: &[JobFacts], waiting: &[JobFacts]) {
    order.machine(&MachineFacts {
        nodes: 1,
        processors: 10,
        memory: 100,
        gpu_milli: 2_000,
    });
    for job in running {
        order.started(Instant::ZERO, job);
    }
    order.waiting(&mut waiting.iter());
    order.refresh(Instant::ZERO);
}

#[test]
fn the_resource_of_which_a_queue_has_most_counts() {
    let running = [sized(0, [2, 60, 0]), sized(1, [4, 10, 0])];
    let waiting = [sized(0, [9, 90, 0]), sized(1, [9, 90, 0])];
    let mut volcano = Volcano::new(Vec::new(), true);
    let mut yunikorn = Yunikorn::new(Vec::new(), true);
    for order in [&mut volcano as &mut dyn JobOrder, &mut yunikorn] {
        weighed(order, &running, &waiting);
        // By processors alone the first would go first.
        let score = |tenant| order.score(&job(tenant, 1), Instant::ZERO);
        assert!(score(1) < score(0), "{}", order.name());
    }
    // The first queue has more memory than it deserves, and not its processors.
    assert!(volcano.holds_back(&sized(0, [1, 1, 0])));
    assert!(!volcano.holds_back(&sized(0, [1, 0, 0])));
    assert!(!volcano.holds_back(&sized(1, [1, 1, 0])));
    // Memory is taken back for a job that asks for memory, from jobs that hold some.
    assert!(volcano.may_reclaim(&sized(1, [1, 40, 0]), &running[0]));
    assert!(!volcano.may_reclaim(&sized(1, [1, 41, 0]), &running[0]));
    assert!(!volcano.may_reclaim(&sized(1, [1, 0, 0]), &running[0]));
    assert!(!volcano.may_reclaim(&sized(1, [1, 40, 0]), &sized(0, [2, 0, 0])));
}

#[test]
fn what_is_not_guaranteed_does_not_keep_a_queue_from_taking_back() {
    let own = |tenant, guaranteed| QueueOptions {
        guaranteed,
        ..QueueOptions::of(TenantId(tenant))
    };
    let cores = processors(Some(5));
    let running = [sized(1, [8, 60, 0])];
    let victim = sized(1, [3, 30, 0]);
    let waiting = sized(0, [4, 40, 0]);
    let mut order = Yunikorn::new(vec![own(0, cores), own(1, cores)], true);
    weighed(&mut order, &running, &[waiting]);
    // Both ask for memory, of which nothing is guaranteed.
    assert!(order.may_reclaim(&waiting, &victim));
    // Memory counts where it is guaranteed: the other queue has more of it than its own.
    let both = [Some(5), Some(50), None];
    let mut order = Yunikorn::new(vec![own(0, both), own(1, processors(Some(9)))], true);
    weighed(&mut order, &running, &[waiting]);
    let victim = sized(1, [0, 30, 0]);
    assert!(order.may_reclaim(&waiting, &victim));
    assert!(!order.may_reclaim(&sized(0, [4, 51, 0]), &victim));
    assert!(!order.may_reclaim(&sized(0, [4, 0, 0]), &victim));
}

#[test]
fn guarantees_and_capabilities_are_of_each_resource() {
    let own = |tenant, guaranteed, capability| QueueOptions {
        guaranteed,
        capability,
        ..QueueOptions::of(TenantId(tenant))
    };
    let queues = vec![
        own(0, [None, Some(80), None], [None, None, Some(1_000)]),
        own(1, [Some(5), None, None], [None, Some(50), None]),
    ];
    let mut order = Yunikorn::new(queues, true);
    weighed(
        &mut order,
        &[sized(0, [1, 40, 0]), sized(1, [1, 30, 0])],
        &[],
    );
    assert!(!order.holds_back(&sized(0, [1, 99, 1_000])));
    assert!(order.holds_back(&sized(0, [1, 0, 2_000])));
    assert!(!order.holds_back(&sized(1, [9, 20, 2_000])));
    assert!(order.holds_back(&sized(1, [1, 21, 0])));
    // Half of its memory, against three fifths of the memory that it may have.
    let score = |tenant| order.score(&job(tenant, 1), Instant::ZERO);
    assert!(score(0) < score(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// A queue without use goes before every one that uses any resource.
    #[test]
    fn shares_are_the_largest_over_resources(
        jobs in prop::collection::vec((0_u32..4, 1_i64..4, 0_i64..40, 0_i64..900), 0..8),
    ) {
        let running: Vec<JobFacts> = jobs.iter()
            .map(|&(tenant, cores, memory, gpus)| sized(tenant, [cores, memory, gpus]))
            .collect();
        let waiting = [sized(4, [1, 1, 1])];
        for order in [
            &mut Volcano::new(Vec::new(), true) as &mut dyn JobOrder,
            &mut Yunikorn::new(Vec::new(), true),
        ] {
            weighed(order, &running, &waiting);
            let score = |tenant| order.score(&job(tenant, 1), Instant::ZERO);
            for own in &running {
                prop_assert!(score(4) < score(own.tenant.0));
            }
        }
    }

    #[test]
    fn what_is_guaranteed_can_be_taken_back(
        // Guarantees of the tenants of each department.
        departments in prop::collection::vec(prop::collection::vec(0_i64..6, 1..4), 1..4),
        spare in 0_i64..6,
        // Wider ones would leave their queues less than they are guaranteed.
        running in prop::collection::vec(0_u32..9, 0..40),
        newcomer in (0_u32..9, 1_i64..7),
    ) {
        let (mut queues, mut tenants) = (Vec::new(), Vec::new());
        for tenants_of in &departments {
            let parent = queues.len();
            queues.push(queue(None, None, tenants_of.iter().sum()));
            for &guaranteed in tenants_of {
                let tenant = tenants.len() as u32;
                tenants.push((guaranteed, 0_i64));
                queues.push(queue(Some(tenant), Some(parent), guaranteed));
            }
        }
        let total = tenants.iter().map(|tenant| tenant.0).sum::<i64>() + spare;
        let count = tenants.len() as u32;
        let mut free = total;
        let mut jobs = Vec::new();
        for tenant in running.into_iter().take(total as usize) {
            free -= 1;
            let job = job(tenant % count, 1);
            tenants[job.tenant.0 as usize].1 += 1;
            jobs.push(job);
        }
        let own = (newcomer.0 % count) as usize;
        // The tenant's guarantee bounds it, and its department may have lent that out to siblings.
        let room = tenants[own].0 - tenants[own].1;
        prop_assume!(room > 0);
        let newcomer = job(newcomer.0 % count, newcomer.1.min(room));
        let mut order = Yunikorn::new(queues, true);
        scored(&mut order, &jobs, &[newcomer]);
        while free < newcomer.processors {
            let victim = jobs.iter().position(|job| order.may_reclaim(&newcomer, job));
            let victim = victim.expect("a job of a queue that borrows");
            let job = jobs.remove(victim);
            let (guaranteed, used) = &mut tenants[job.tenant.0 as usize];
            prop_assert!(*used > *guaranteed);
            *used -= job.processors;
            order.ended(Instant::ZERO, &job);
            free += job.processors;
        }
    }
}
