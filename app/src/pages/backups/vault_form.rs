//! The dialog that makes a vault or changes one. Invariant: a secret goes in and never comes out; one whose field is left empty stays
//! as it is. Whether the place can be used the console tries before it keeps anything.

use crate::{
    components::{
        button::{Button, Look},
        dialog::{Dialog, open_while},
        field::{CheckBox, Field, Select},
        problem::ProblemBox,
        task::Task,
        toast::Toasts,
    },
    data::{Boxed, memo},
    error::AppError,
    rpc,
    session::SecretInput,
};
use leptos::{ev, prelude::*};
use quorate_domain::{
    Problem, VaultId,
    problem::FieldError,
    snapshots::{NewVault, Vault, VaultPlace},
    wide::Wide,
};

const GIB: u64 = 1 << 30;

/// What the dialog is about: a vault, or none for a new one.
#[derive(Clone, PartialEq)]
pub(super) struct Editing(pub(super) Option<Vault>);

/// The dialog; `again` reads the list anew.
pub(super) fn dialog(editing: RwSignal<Option<Editing>>, again: Callback<()>) -> AnyView {
    let open = open_while(editing);
    let title = Signal::derive(move || {
        editing.with(|editing| match editing {
            Some(Editing(Some(vault))) => format!("Change {}", vault.name),
            _ => "Add a vault".to_owned(),
        })
    });
    view! {
        <Dialog open=open title=title>
            {move || editing.get().map(|of| Form::new(of.0).view(editing, again))}
        </Dialog>
    }
    .boxed()
}

/// What was typed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Typed {
    name: String,
    s3: bool,
    directory: String,
    endpoint: String,
    region: String,
    bucket: String,
    prefix: String,
    access_key_id: String,
    budget: String,
    recipient: String,
}

impl Typed {
    fn of(vault: &Vault) -> Self {
        let mut typed = Self {
            name: vault.name.clone(),
            budget: vault.budget.map_or_else(String::new, |budget| gib_text(budget.0)),
            recipient: vault.recipient.clone().unwrap_or_default(),
            ..Self::default()
        };
        match vault.place.clone() {
            VaultPlace::Local { directory } => typed.directory = directory,
            VaultPlace::S3 { endpoint, region, bucket, prefix, access_key_id } => {
                typed = Self { s3: true, endpoint, region, bucket, prefix, access_key_id, ..typed };
            }
        }
        typed
    }

    /// The vault, or all that is wrong with it.
    fn vault(&self) -> Result<NewVault, Problem> {
        let text = |typed: &str| typed.trim().to_owned();
        let place = if self.s3 {
            VaultPlace::S3 {
                endpoint: text(&self.endpoint),
                region: text(&self.region),
                bucket: text(&self.bucket),
                prefix: text(&self.prefix),
                access_key_id: text(&self.access_key_id),
            }
        } else {
            VaultPlace::Local { directory: text(&self.directory) }
        };
        let recipient = Some(text(&self.recipient)).filter(|recipient| !recipient.is_empty());
        let budget = budget(&self.budget);
        let vault =
            NewVault { name: text(&self.name), place, budget: budget.as_ref().ok().copied().flatten(), recipient };
        let wrong: Vec<FieldError> = vault.validate().into_iter().chain(budget.err()).collect();
        if wrong.is_empty() { Ok(vault) } else { Err(Problem::invalid(wrong)) }
    }
}

/// Bytes of so many GiB, with at most one digit behind the point.
fn budget(typed: &str) -> Result<Option<Wide>, FieldError> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let (whole, tenth) = typed.split_once('.').unwrap_or((typed, "0"));
    let bytes = match (whole.parse::<u64>(), tenth.len(), tenth.parse::<u64>()) {
        (Ok(whole), 1, Ok(tenth)) => whole.checked_mul(GIB).and_then(|bytes| bytes.checked_add(tenth * GIB / 10)),
        _ => None,
    };
    let message = "Give GiB, such as 50 or 1.5; leave it empty for no bound";
    bytes.map(|bytes| Some(Wide(bytes))).ok_or_else(|| FieldError { field: "budget".into(), message: message.into() })
}

/// The same the other way round; what is no tenth is rounded up, so that saving never makes a budget smaller.
fn gib_text(bytes: u64) -> String {
    let tenths = bytes / GIB * 10 + (bytes % GIB * 10).div_ceil(GIB);
    match tenths % 10 {
        0 => (tenths / 10).to_string(),
        tenth => format!("{}.{tenth}", tenths / 10),
    }
}

/// The dialog's state.
#[derive(Clone, Copy)]
struct Form {
    id: StoredValue<Option<VaultId>>,
    has_identity: bool,
    name: RwSignal<String>,
    kind: RwSignal<String>,
    directory: RwSignal<String>,
    endpoint: RwSignal<String>,
    region: RwSignal<String>,
    bucket: RwSignal<String>,
    prefix: RwSignal<String>,
    access_key_id: RwSignal<String>,
    secret: RwSignal<String>,
    budget: RwSignal<String>,
    recipient: RwSignal<String>,
    identity: RwSignal<String>,
    forget_identity: RwSignal<bool>,
    task: Task,
    toasts: Toasts,
}

impl Form {
    fn new(vault: Option<Vault>) -> Self {
        let typed = vault.as_ref().map(Typed::of).unwrap_or_default();
        let text = RwSignal::new;
        Self {
            has_identity: vault.as_ref().is_some_and(|vault| vault.has_identity),
            id: StoredValue::new(vault.map(|vault| vault.id)),
            name: text(typed.name),
            kind: text(if typed.s3 { "s3" } else { "local" }.to_owned()),
            directory: text(typed.directory),
            endpoint: text(typed.endpoint),
            region: text(typed.region),
            bucket: text(typed.bucket),
            prefix: text(typed.prefix),
            access_key_id: text(typed.access_key_id),
            secret: text(String::new()),
            budget: text(typed.budget),
            recipient: text(typed.recipient),
            identity: text(String::new()),
            forget_identity: RwSignal::new(false),
            task: Task::new(),
            toasts: Toasts::get(),
        }
    }

    fn typed(self) -> Typed {
        let text = |signal: RwSignal<String>| signal.get_untracked();
        Typed {
            name: text(self.name),
            s3: text(self.kind) == "s3",
            directory: text(self.directory),
            endpoint: text(self.endpoint),
            region: text(self.region),
            bucket: text(self.bucket),
            prefix: text(self.prefix),
            access_key_id: text(self.access_key_id),
            budget: text(self.budget),
            recipient: text(self.recipient),
        }
    }

    /// What the console is told of a secret: none if it stays.
    fn secret(signal: RwSignal<String>, forget: bool) -> Option<SecretInput> {
        let typed = signal.get_untracked();
        let typed = typed.trim();
        (forget || !typed.is_empty()).then(|| SecretInput::new(if forget { String::new() } else { typed.to_owned() }))
    }

    fn save(self, editing: RwSignal<Option<Editing>>, again: Callback<()>) {
        self.task.run(move || async move {
            let vault = self.typed().vault().map_err(AppError)?;
            let secret = Self::secret(self.secret, false);
            let identity = Self::secret(self.identity, self.forget_identity.get_untracked());
            let saved = match self.id.get_value() {
                Some(id) => rpc::vaults::edit_vault(id, vault, secret, identity).await?,
                None => rpc::vaults::create_vault(vault, secret, identity).await?,
            };
            self.toasts.say(format!("{} works and is kept", saved.name));
            let _ = editing.try_set(None);
            again.try_run(());
            Ok(())
        });
    }

    fn view(self, editing: RwSignal<Option<Editing>>, again: Callback<()>) -> AnyView {
        let submit = move |event: ev::SubmitEvent| {
            event.prevent_default();
            self.save(editing, again);
        };
        let s3 = memo(move || self.kind.with(|kind| kind == "s3"));
        let kinds = vec![
            ("local".to_owned(), "A folder on the console's machine".to_owned()),
            ("s3".to_owned(), "A bucket of an S3-compatible store".to_owned()),
        ];
        view! {
            <form class="form" on:submit=submit>
                <Field label="Name" name="vault_name" value=self.name error=self.task.field("name")/>
                <Select label="Place" name="vault_kind" value=self.kind options=kinds/>
                {move || if s3.get() { self.s3() } else { self.local() }}
                <Field
                    label="Budget in GiB"
                    name="vault_budget"
                    value=self.budget
                    hint="All its snapshots together; empty for no bound. What would not fit is not begun."
                    error=self.task.field("budget")
                />
                {self.encryption()}
                <ProblemBox problem=self.task.general()/>
                <p class="muted" role="status">{move || self.task.busy.get().then_some("Writing, reading and deleting a probe there…")}</p>
                <div class="form-actions">
                    <Button label="Try and save" look=Look::Primary submit=true busy=self.task.busy/>
                    <Button label="Cancel" on_press=Callback::new(move |()| editing.set(None))/>
                </div>
            </form>
        }
        .boxed()
    }

    fn local(self) -> AnyView {
        let hint = "An absolute path. It is made if it is not there, and only the console's user can read it.";
        view! {
            <Field label="Directory" name="vault_directory" value=self.directory mono=true hint=hint error=self.task.field("directory")/>
        }
        .into_any()
    }

    fn s3(self) -> AnyView {
        let kept = self.id.with_value(Option::is_some);
        let hint =
            if kept { "Leave it empty to keep the one that is sealed." } else { "Sealed at once; never shown again." };
        view! {
            <Field label="Endpoint" name="vault_endpoint" value=self.endpoint mono=true placeholder="https://s3.example.org" hint="Empty for AWS' own of the region" error=self.task.field("endpoint")/>
            <Field label="Region" name="vault_region" value=self.region mono=true hint="Empty where the store knows none" error=self.task.field("region")/>
            <Field label="Bucket" name="vault_bucket" value=self.bucket mono=true error=self.task.field("bucket")/>
            <Field label="Prefix" name="vault_prefix" value=self.prefix mono=true hint="What all objects' names start with; may be empty" error=self.task.field("prefix")/>
            <Field label="Access key id" name="vault_access_key_id" value=self.access_key_id mono=true error=self.task.field("access_key_id")/>
            <Field label="Secret access key" name="vault_secret" kind="password" autocomplete="new-password" value=self.secret hint=hint error=self.task.field("secret_access_key")/>
        }
        .into_any()
    }

    fn encryption(self) -> AnyView {
        let hint = if self.has_identity {
            "AGE-SECRET-KEY-…; one is kept, sealed. Leave it empty to keep it."
        } else {
            "AGE-SECRET-KEY-…; kept sealed. Without it, snapshots can be taken and downloaded, but not opened, drilled or restored here."
        };
        let forget = self.has_identity.then(|| {
            view! { <CheckBox label="Forget the identity that is kept" name="vault_forget_identity" value=self.forget_identity/> }
        });
        view! {
            <Field label="age recipient" name="vault_recipient" value=self.recipient mono=true placeholder="age1…" hint="New snapshots are encrypted for it; empty for none." error=self.task.field("recipient")/>
            <Field label="age identity" name="vault_identity" kind="password" autocomplete="new-password" value=self.identity hint=hint error=self.task.field("identity")/>
            {forget}
        }
        .into_any()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_vault_that_nobody_touched_is_saved_as_it_was() {
        let mut vault = sample::vault();
        let of = |vault: &Vault| NewVault {
            name: vault.name.clone(),
            place: vault.place.clone(),
            budget: vault.budget,
            recipient: vault.recipient.clone(),
        };
        assert_eq!(Typed::of(&vault).vault(), Ok(of(&vault)));
        vault.place = VaultPlace::S3 {
            endpoint: "https://s3.example.org".into(),
            region: "eu".into(),
            bucket: "b".into(),
            prefix: "p".into(),
            access_key_id: "key".into(),
        };
        (vault.budget, vault.recipient) = (None, None);
        assert_eq!(Typed::of(&vault).vault(), Ok(of(&vault)));
    }

    #[test]
    fn budgets_are_typed_in_gib() {
        assert_eq!(budget(" 2 "), Ok(Some(Wide(2 * GIB))));
        assert_eq!(budget("1.5"), Ok(Some(Wide(GIB + GIB / 2))));
        assert_eq!(budget(""), Ok(None));
        for bad in ["x", "-1", "1.55", "1.", "99999999999999999999"] {
            assert!(budget(bad).is_err(), "{bad}");
        }
        for tenths in ["0.1", "1.5", "7", "12.9"] {
            let bytes = budget(tenths).expect("a budget").expect("a bound");
            assert_eq!(gib_text(bytes.0), tenths);
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let typed = Typed { s3: true, budget: "much".into(), ..Typed::default() };
        let problem = typed.vault().expect_err("wrong");
        for field in ["name", "bucket", "access_key_id", "budget"] {
            assert!(problem.message_for(field).is_some(), "{field}");
        }
    }
}
