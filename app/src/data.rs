//! A page's data: asked for on the server, carried in the HTML, read again in the browser. Invariant: there is one
//! kind of resource whatever it holds (`Payload`), because leptos compiles its whole machinery anew for each type.

use crate::{error::AppError, json, rpc::unreadable};
use leptos::{prelude::*, tachys::view::any_view::IntoAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use std::{any::Any, future::Future, marker::PhantomData, pin::Pin, sync::Arc};

/// What a server function answered: the value where it was asked, its JSON where it came with the HTML.
#[derive(Clone)]
enum Payload {
    Value {
        value: Arc<dyn Any + Send + Sync>,
        /// For the browser; empty there.
        text: Arc<str>,
    },
    Text(Arc<str>),
}

impl Payload {
    fn new<T: Serialize + Send + Sync + 'static>(value: T) -> Self {
        // The browser never writes what it read.
        #[cfg(feature = "ssr")]
        let text = serde_json::to_string(&value).unwrap_or_default().into();
        #[cfg(not(feature = "ssr"))]
        let text = "".into();
        Self::Value { value: Arc::new(value), text }
    }

    fn get<T: DeserializeOwned + Clone + 'static>(&self) -> Option<T> {
        match self {
            Self::Value { value, .. } => value.downcast_ref::<T>().cloned(),
            Self::Text(text) => json::value(text).and_then(json::read),
        }
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value { text, .. } | Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::Text(text.into()))
    }
}

type Held = Result<Payload, AppError>;
type Asking = Pin<Box<dyn Future<Output = Held> + Send>>;

/// The data of a page.
pub(crate) struct Data<T> {
    resource: Resource<Held>,
    holds: PhantomData<fn() -> T>,
}

impl<T> Clone for Data<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Data<T> {}

impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> Data<T> {
    /// Asks once.
    pub(crate) fn new<F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<T, AppError>> + Send + 'static,
    {
        Self::keyed(Signal::stored(String::new()), move |_| ask())
    }

    /// Asks for `key`, and again when it changes.
    pub(crate) fn keyed<F>(key: impl Into<Signal<String>>, ask: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<T, AppError>> + Send + 'static,
    {
        let resource = resource(
            key.into(),
            Arc::new(move |key| {
                let asked = ask(key);
                Box::pin(async move { asked.await.map(Payload::new) })
            }),
        );
        Self { resource, holds: PhantomData }
    }

    /// Asks again; the page keeps what it shows until the answer is there.
    pub(crate) fn refetch(self) {
        self.resource.refetch();
    }

    /// What `content` makes of the answer, once it is there. Only making and showing know the type; the waiting between
    /// them is compiled once.
    pub(crate) fn view(self, content: impl Fn(T) -> AnyView + Send + Sync + 'static) -> Waiting {
        waiting(self.resource, Arc::new(move |held: &Payload| held.get().map(&content)))
    }
}

/// Makes the future of a view, anew for each answer.
pub(crate) type Waiting = Arc<dyn Fn() -> Shown + Send + Sync>;
/// The view, or the problem instead.
pub(crate) type Shown = Pin<Box<dyn Future<Output = Result<AnyView, AppError>> + Send>>;

/// What shows an answer; none when it is not of the page's type.
type Show = Arc<dyn Fn(&Payload) -> Option<AnyView> + Send + Sync>;

fn waiting(resource: Resource<Held>, show: Show) -> Waiting {
    Arc::new(move || {
        let show = Arc::clone(&show);
        Box::pin(async move { show(&resource.await?).ok_or_else(unreadable) })
    })
}

fn resource(key: Signal<String>, ask: Arc<dyn Fn(String) -> Asking + Send + Sync>) -> Resource<Held> {
    Resource::new(move || key.get(), move |key| ask(key))
}

/// Boxing a view.
pub(crate) trait Boxed {
    /// The view as the one type that all functions here return.
    fn boxed(self) -> AnyView;
}

/// Without the wrapper that `view!` puts around it: elements inside others have none, and one type fewer is compiled.
impl<T: IntoAny> Boxed for View<T> {
    fn boxed(self) -> AnyView {
        self.into_inner().into_any()
    }
}

/// A memo. The closure is boxed, so that memos are compiled once a type and not once a closure.
pub(crate) fn memo<T: PartialEq + Send + Sync + 'static>(value: impl Fn() -> T + Send + Sync + 'static) -> Memo<T> {
    fn of<T: PartialEq + Send + Sync + 'static>(value: Box<dyn Fn() -> T + Send + Sync>) -> Memo<T> {
        Memo::new(move |_| value())
    }
    of(Box::new(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_with_the_html_reads_as_what_was_asked() {
        let asked = Payload::Value { value: Arc::new(vec![1_u8, 2]), text: "[1,2]".into() };
        let carried: Payload = serde_json::from_str(&serde_json::to_string(&asked).expect("json")).expect("payload");
        assert_eq!(asked.get::<Vec<u8>>(), Some(vec![1, 2]));
        assert_eq!(carried.get::<Vec<u8>>(), Some(vec![1, 2]));
        assert_eq!(carried.get::<String>(), None);
    }
}
