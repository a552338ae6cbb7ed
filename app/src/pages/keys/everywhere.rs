//! "On every member?": one key as each member has it. Invariant: members are asked when the tab is opened or the button pressed,
//! and it is said when that was.

use super::detail::Opened;
use crate::{
    components::{
        badge::{Tone, badge},
        button::Button,
        problem::ProblemBox,
        table::{Cell, Column, DataTable, Row},
        task::Task,
        time,
    },
    data::memo,
    format, rpc,
};
use leptos::prelude::*;
use quorate_domain::keys::{EveryMember, MemberReading};

static COLUMNS: [Column; 5] = [
    Column::text("Member"),
    Column::number("Its revision"),
    Column::number("Mod revision"),
    Column::number("Size"),
    Column::text("SHA-256"),
];

/// The tab.
pub(super) fn tab(opened: Opened) -> AnyView {
    let answer = RwSignal::new(None::<EveryMember>);
    let task = Task::new();
    let ask = Callback::new(move |()| {
        task.run(move || async move {
            let said = rpc::keys::every_member(opened.browser.cluster(), opened.name()).await?;
            let _ = answer.try_set(Some(said));
            Ok(())
        });
    });
    Effect::new(move |_| {
        ask.try_run(());
    });
    let rows = memo(move || {
        answer.with(|answer| answer.as_ref().map_or_else(Vec::new, |a| a.members.iter().map(row).collect()))
    });
    let verdict = move || {
        answer.with(|answer| {
            let answer = answer.as_ref()?;
            let said = badge(tone(answer.agree), answer.words.clone());
            Some(view! { <p role="status">{said}" "<span class="muted">"asked "{time::ago(answer.at)}</span></p> })
        })
    };
    view! {
        {move || verdict()}
        <ProblemBox problem=task.problem/>
        <DataTable caption="The key on every member" columns=&COLUMNS rows=rows/>
        <div class="form-actions"><Button label="Ask again" busy=task.busy on_press=ask/></div>
    }
    .into_any()
}

fn tone(agree: Option<bool>) -> Tone {
    match agree {
        Some(true) => Tone::Ok,
        Some(false) => Tone::Bad,
        None => Tone::Quiet,
    }
}

fn row(reading: &MemberReading) -> Row {
    let answers = reading.problem.is_empty();
    let last = match (answers, reading.mod_revision) {
        (false, _) => Cell::Badge { tone: Tone::Risk, text: reading.problem.clone() },
        (true, None) => Cell::Muted("no such key".into()),
        (true, Some(_)) => Cell::Mono(reading.digest.clone()),
    };
    let size = |size: u64| Cell::Number { value: size, text: format::bytes(size) };
    Row {
        key: reading.member.to_string(),
        cells: vec![
            Cell::Text(reading.name.clone()),
            if answers { Cell::count(reading.revision.0) } else { Cell::Empty },
            reading.mod_revision.map_or(Cell::Empty, |revision| Cell::count(revision.0)),
            reading.size.map_or(Cell::Empty, |bytes| size(bytes.0)),
            last,
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_domain::{MemberId, wide::Wide};

    #[test]
    fn a_silent_member_is_told_from_one_that_lacks_the_key() {
        let mut reading = MemberReading {
            member: MemberId(1),
            name: "lab1".into(),
            revision: Wide(9),
            mod_revision: None,
            size: None,
            digest: String::new(),
            problem: String::new(),
        };
        assert_eq!(row(&reading).cells[4], Cell::Muted("no such key".into()));
        reading.problem = "no answer within 2 s".into();
        assert_eq!(row(&reading).cells[1], Cell::Empty);
        assert!(matches!(&row(&reading).cells[4], Cell::Badge { tone: Tone::Risk, .. }));
        assert_eq!((tone(Some(false)), tone(None)), (Tone::Bad, Tone::Quiet));
    }
}
