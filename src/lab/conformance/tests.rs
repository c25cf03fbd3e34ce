use control::ExchangeError;

use super::*;

/// A program that answers with what a function makes of a question.
#[derive(Clone)]
struct Stub(fn(&Question) -> String);

impl Exchange for Stub {
    fn ask(&mut self, question: &Question) -> Result<Answer, ExchangeError> {
        if let Question::Hello(_) = question {
            return Ok(Answer::Text("{\"protocol\":1}".to_owned()));
        }
        Ok(Answer::Text((self.0)(question)))
    }

    fn name(&self) -> String {
        "the stub".to_owned()
    }

    fn again(&self) -> Box<dyn Exchange> {
        Box::new(self.clone())
    }
}

fn sound(question: &Question) -> String {
    match question {
        Question::Filter(own) => Answer::Flags(vec![true; own.candidates.len()])
            .text(question)
            .into_owned(),
        Question::Score(own) => Answer::Numbers(vec![1; own.candidates.len()])
            .text(question)
            .into_owned(),
        Question::Order(own) => Answer::Numbers(vec![1; own.jobs.len()])
            .text(question)
            .into_owned(),
        _ => "{}".to_owned(),
    }
}

const ALL: [ExternalPoint; 4] = ExternalPoint::ALL;

fn flaws(program: fn(&Question) -> String, points: &[ExternalPoint]) -> Vec<String> {
    let verdicts = conformance(&Stub(program), points, |_| {});
    let flaws = verdicts
        .into_iter()
        .filter_map(|own| Some((own.name, own.flaw?.why)));
    flaws.map(|(name, why)| format!("{name}: {why}")).collect()
}

#[test]
fn a_sound_program_passes_each_of_some_sixty_cases() {
    let verdicts = conformance(&Stub(sound), &ALL, |_| {});
    assert!(verdicts.len() >= 60, "{}", verdicts.len());
    let names: units::SortedSet<&str> = verdicts.iter().map(|own| &*own.name).collect();
    assert_eq!(names.len(), verdicts.len());
    assert_eq!(flaws(sound, &ALL), Vec::<String>::new());
}

#[test]
fn what_a_run_would_refuse_fails() {
    // One item too many, wherever there is one.
    let long = |question: &Question| {
        sound(question)
            .replace("[1", "[1,1")
            .replace("[true", "[true,true")
    };
    assert!(flaws(long, &ALL).len() > 40);
    // It takes node 0 for granted.
    let first = |question: &Question| match question {
        Question::Step(own) if !own.pods.is_empty() => {
            let pod = own.pods[0].id;
            format!("{{\"binds\":[{{\"pod\":{pod},\"node\":0}}]}}")
        }
        _ => "{}".to_owned(),
    };
    let told = flaws(first, &[ExternalPoint::Schedule]);
    let why = "schedule: pods without nodes: it names node 0, which isn't there";
    assert!(told.contains(&why.to_owned()), "{told:?}");
    // It insists on a binding that was refused.
    let stubborn = |question: &Question| match question {
        Question::Step(own) if own.nodes.len() > 1 || !own.refused.is_empty() => {
            "{\"binds\":[{\"pod\":0,\"node\":1}]}".to_owned()
        }
        _ => "{}".to_owned(),
    };
    let told = flaws(stubborn, &[ExternalPoint::Schedule]).join("\n");
    assert!(
        told.contains("as the view was old: it binds pod 0 to node 1 again"),
        "{told}"
    );
}
