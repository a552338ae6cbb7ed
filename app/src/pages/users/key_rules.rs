//! Which keys a user may see and change, as lines of a form. Invariant: what is saved is every rule that is shown, and they
//! are read anew each time the dialog opens. What rules mean is decided in `domain::keys`, who may set them in
//! `core::keys::rules`.

use crate::{
    components::{
        button::{Button, Look},
        dialog::Dialog,
        field::{CheckBox, Field, Select},
        keyed::keyed,
        problem::ProblemBox,
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, memo},
    rpc,
};
use leptos::{ev, prelude::*};
use quorate_domain::{
    ClusterId, Problem, Role, UserId,
    keys::{Key, KeyRule},
    problem::FieldError,
    users::UserSummary,
};

const WHAT_RULES_DO: &str = "With rules for a cluster, this user sees and changes only keys below them there; without, \
    the role decides; an admin is never narrowed.";
const PREFIX_HINT: &str =
    "Empty for all keys. A backslash is written \\\\, a byte that is no text \\x and two hexadecimal digits.";

/// The dialog of the chosen user.
pub(super) fn dialog(chosen: RwSignal<Option<UserSummary>>, open: RwSignal<bool>) -> AnyView {
    let title = Signal::derive(move || {
        chosen.with(|user| user.as_ref().map_or(String::new(), |user| format!("Keys of {}", user.name)))
    });
    view! {
        <Dialog open=open title=title>
            {move || chosen.get().map(|user| content(user, open))}
        </Dialog>
    }
    .boxed()
}

/// What the console holds: the rules and the names of clusters.
#[derive(Clone, PartialEq)]
struct Kept {
    rules: Vec<KeyRule>,
    clusters: Vec<(ClusterId, String)>,
}

fn content(user: UserSummary, open: RwSignal<bool>) -> AnyView {
    let kept = RwSignal::new(None::<Kept>);
    let reading = Task::new();
    let id = StoredValue::new(user.id.clone());
    reading.run(move || async move {
        let rules = rpc::keys::key_rules(id.get_value()).await?;
        let clusters = rpc::clusters::fleet().await?;
        let clusters = clusters.into_iter().map(|cluster| (cluster.id, cluster.name)).collect();
        let _ = kept.try_set(Some(Kept { rules, clusters }));
        Ok(())
    });
    let admin = user.role == Role::Admin;
    view! {
        <p>{WHAT_RULES_DO}</p>
        <p class="muted">"Names of keys below a rule may always be seen. "{ending_words(admin)}</p>
        <p class="muted" role="status">{move || reading.busy.get().then_some("Reading…")}</p>
        <ProblemBox problem=reading.problem/>
        {move || kept.get().map(|kept| Form::new(id, admin, kept, open).view())}
    }
    .into_any()
}

/// A rule as it was typed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Typed {
    /// Empty for every cluster.
    cluster: String,
    prefix: String,
    read: bool,
    write: bool,
    delete: bool,
}

impl Typed {
    fn of(rule: &KeyRule) -> Self {
        let cluster = rule.cluster.as_ref().map_or_else(String::new, ToString::to_string);
        let KeyRule { read, write, delete, .. } = *rule;
        Self { cluster, prefix: rule.prefix.to_string(), read, write, delete }
    }

    /// The rule that stands at `at`, or what is wrong with it.
    fn rule(&self, at: usize) -> Result<KeyRule, FieldError> {
        let wrong = |part: &str, message: String| FieldError { field: format!("rules.{at}.{part}"), message };
        let cluster = match self.cluster.as_str() {
            "" => None,
            id => Some(id.parse::<ClusterId>().map_err(|_| wrong("cluster", "Choose a cluster".into()))?),
        };
        let prefix = self.prefix.parse::<Key>();
        let prefix = prefix.map_err(|error| wrong("prefix", format!("This is no prefix: {error}")))?;
        Ok(KeyRule { cluster, prefix, read: self.read, write: self.write, delete: self.delete })
    }
}

/// All rules, or all that is wrong with them.
fn rules_of(typed: &[Typed]) -> Result<Vec<KeyRule>, Problem> {
    let (mut rules, mut wrong) = (Vec::new(), Vec::new());
    for (at, typed) in typed.iter().enumerate() {
        match typed.rule(at) {
            Ok(rule) => rules.push(rule),
            Err(error) => wrong.push(error),
        }
    }
    if wrong.is_empty() { Ok(rules) } else { Err(Problem::invalid(wrong)) }
}

/// Clusters to choose from: all, those of the console, and those that rules name although the console has them no more.
fn cluster_options(kept: &Kept) -> Vec<(String, String)> {
    let mut options = vec![(String::new(), "Every cluster".to_owned())];
    options.extend(kept.clusters.iter().map(|(id, name)| (id.to_string(), name.clone())));
    for rule in &kept.rules {
        let Some(id) = rule.cluster.as_ref().map(ToString::to_string) else { continue };
        if !options.iter().any(|(known, _)| *known == id) {
            options.push((id.clone(), format!("{id}, not in this console")));
        }
    }
    options
}

fn ending_words(admin: bool) -> &'static str {
    if admin {
        "This user is an admin: rules count once the role is another."
    } else {
        "Saving other rules ends all sessions of this user, who has to log in again."
    }
}

fn saved_words(same: bool, admin: bool) -> &'static str {
    match (same, admin) {
        (true, _) => "The rules are as they were",
        (false, true) => "The rules were saved; they count once the user is no admin",
        (false, false) => "The rules were saved; the user's sessions ended",
    }
}

/// One rule on the page.
#[derive(Clone, Copy)]
struct Line {
    id: u32,
    cluster: RwSignal<String>,
    prefix: RwSignal<String>,
    read: RwSignal<bool>,
    write: RwSignal<bool>,
    delete: RwSignal<bool>,
}

impl Line {
    fn new(id: u32, typed: Typed) -> Self {
        Self {
            id,
            cluster: RwSignal::new(typed.cluster),
            prefix: RwSignal::new(typed.prefix),
            read: RwSignal::new(typed.read),
            write: RwSignal::new(typed.write),
            delete: RwSignal::new(typed.delete),
        }
    }

    fn typed(self) -> Typed {
        Typed {
            cluster: self.cluster.get_untracked(),
            prefix: self.prefix.get_untracked(),
            read: self.read.get_untracked(),
            write: self.write.get_untracked(),
            delete: self.delete.get_untracked(),
        }
    }
}

/// The form.
#[derive(Clone, Copy)]
struct Form {
    user: StoredValue<UserId>,
    admin: bool,
    before: StoredValue<Vec<KeyRule>>,
    clusters: StoredValue<Vec<(String, String)>>,
    lines: RwSignal<Vec<Line>>,
    task: Task,
    toasts: Toasts,
    open: RwSignal<bool>,
}

impl Form {
    fn new(user: StoredValue<UserId>, admin: bool, kept: Kept, open: RwSignal<bool>) -> Self {
        let clusters = StoredValue::new(cluster_options(&kept));
        let lines = (0..).zip(&kept.rules).map(|(id, rule)| Line::new(id, Typed::of(rule))).collect();
        Self {
            user,
            admin,
            before: StoredValue::new(kept.rules),
            clusters,
            lines: RwSignal::new(lines),
            task: Task::new(),
            toasts: Toasts::get(),
            open,
        }
    }

    fn save(self) {
        let typed: Vec<Typed> = self.lines.with_untracked(|lines| lines.iter().map(|line| line.typed()).collect());
        let rules = match rules_of(&typed) {
            Ok(rules) => rules,
            Err(problem) => return self.task.problem.set(Some(problem)),
        };
        let words = saved_words(self.before.with_value(|before| *before == rules), self.admin);
        self.task.run(move || {
            let rules = rules.clone();
            async move {
                rpc::keys::set_key_rules(self.user.get_value(), rules).await?;
                self.toasts.say(words);
                let _ = self.open.try_set(false);
                Ok(())
            }
        });
    }

    fn view(self) -> AnyView {
        // A press of a button has no owner; a line that it makes is the form's and goes with it.
        let owner = Owner::current();
        let add = Callback::new(move |()| {
            let Some(owner) = &owner else { return };
            let id = self.lines.with_untracked(|lines| lines.iter().map(|line| line.id + 1).max().unwrap_or_default());
            let line = owner.with(|| Line::new(id, Typed { read: true, ..Typed::default() }));
            self.lines.update(|lines| lines.push(line));
        });
        let none = move || {
            let none = self.lines.with(Vec::is_empty);
            none.then(|| view! { <p class="muted">"No rules: the role decides in every cluster."</p> }.boxed())
        };
        let wrong = self.task.field("rules");
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            self.save();
        };
        let cancel = Callback::new(move |()| self.open.set(false));
        view! {
            <form class="form" on:submit=submit>
                {move || none()}
                {keyed(move || self.lines.get(), |line| line.id.to_string(), move |line| self.line(*line))}
                <div class="form-actions"><Button label="Add a rule" on_press=add/></div>
                <p class="field-error" aria-live="polite">{move || wrong.get()}</p>
                <ProblemBox problem=self.task.general()/>
                <div class="form-actions">
                    <Button label="Save rules" look=Look::Primary submit=true busy=self.task.busy/>
                    <Button label="Cancel" on_press=cancel/>
                </div>
            </form>
        }
        .boxed()
    }

    fn line(self, line: Line) -> AnyView {
        let at = memo(move || self.lines.with(|lines| lines.iter().position(|other| other.id == line.id)));
        let error = move |part: &'static str| {
            Signal::derive(move || {
                let field = format!("rules.{}.{part}", at.get()?);
                self.task.problem.with(|p| p.as_ref().and_then(|p| p.message_for(&field).map(str::to_owned)))
            })
        };
        let remove = Callback::new(move |()| {
            // What was said of the lines after it names them by where they stood.
            self.task.problem.set(None);
            self.lines.update(|lines| lines.retain(|other| other.id != line.id));
        });
        let name = move |part: &str| format!("rule-{}-{part}", line.id);
        view! {
            <fieldset class="key-rule">
                <legend>{move || at.get().map(|at| format!("Rule {}", at + 1))}</legend>
                <Select label="Cluster" name=name("cluster") value=line.cluster options=self.clusters.get_value() error=error("cluster")/>
                <Field
                    label="Keys that start with"
                    name=name("prefix")
                    value=line.prefix
                    mono=true
                    hint=PREFIX_HINT
                    error=error("prefix")
                />
                <div class="key-rule-rights">
                    <CheckBox label="Read values" name=name("read") value=line.read/>
                    <CheckBox label="Write" name=name("write") value=line.write/>
                    <CheckBox label="Delete" name=name("delete") value=line.delete/>
                    <Button label="Remove" look=Look::Bare on_press=remove/>
                </div>
            </fieldset>
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(cluster: Option<u8>, prefix: &[u8]) -> KeyRule {
        let cluster = cluster.map(|n| ClusterId::from_random([n; 10]));
        KeyRule { cluster, prefix: Key(prefix.to_vec()), read: true, write: false, delete: true }
    }

    #[test]
    fn rules_that_nobody_touched_are_saved_as_they_were() {
        let rules = vec![rule(Some(1), b"/app/"), rule(None, b"a\\\xff\n"), rule(None, b"")];
        let typed: Vec<Typed> = rules.iter().map(Typed::of).collect();
        assert_eq!(rules_of(&typed), Ok(rules));
        assert_eq!(rules_of(&[]), Ok(Vec::new()));
    }

    #[test]
    fn each_wrong_rule_is_told_at_its_place() {
        let typed =
            |cluster: &str, prefix: &str| Typed { cluster: cluster.into(), prefix: prefix.into(), ..Typed::default() };
        let problem = rules_of(&[typed("", "/a/"), typed("", "\\q"), typed("lab", "/b/")]).expect_err("wrong");
        let fields: Vec<&str> = problem.fields.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["rules.1.prefix", "rules.2.cluster"]);
        assert!(problem.message_for("rules.1.prefix").is_some_and(|words| words.contains("backslash after 0 bytes")));
    }

    #[test]
    fn a_cluster_that_the_console_has_no_more_stays_a_choice() {
        let lab = (ClusterId::from_random([1; 10]), "lab".to_owned());
        let gone = ClusterId::from_random([2; 10]).to_string();
        let rules = vec![rule(Some(1), b""), rule(Some(2), b"/a"), rule(Some(2), b"/b"), rule(None, b"")];
        let options = cluster_options(&Kept { rules, clusters: vec![lab] });
        let words: Vec<&str> = options.iter().map(|(_, words)| words.as_str()).collect();
        assert_eq!(words, ["Every cluster", "lab", &format!("{gone}, not in this console")]);
        assert_eq!(options[2].0, gone);
    }

    #[test]
    fn sessions_are_said_to_end_only_where_they_do() {
        assert!(saved_words(false, false).contains("sessions ended"));
        assert!(!saved_words(false, true).contains("sessions") && !saved_words(true, false).contains("sessions"));
        assert!(ending_words(false).contains("ends all sessions") && !ending_words(true).contains("sessions"));
    }
}
