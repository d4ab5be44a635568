//! Metrics with labels, addressed by typed values instead of texts in the right order. All
//! combinations of closed labels exist from the start: a counter that appears with its first
//! increment hides that increment from `rate()`.

use std::marker::PhantomData;

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use super::Label;

/// What there is to say about a metric.
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    /// Of a histogram.
    pub(super) buckets: &'static [f64],
}

impl Spec {
    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    fn histogram(&self) -> HistogramOpts {
        HistogramOpts::from(self.opts()).buckets(self.buckets.to_vec())
    }
}

/// A kind of metric that can be made from a [`Spec`].
pub(super) trait Kind: Sized {
    fn register(registry: &Registry, spec: &Spec) -> Result<Self, prometheus::Error>;
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

impl Kind for IntCounter {
    fn register(registry: &Registry, spec: &Spec) -> Result<Self, prometheus::Error> {
        registered(registry, Self::with_opts(spec.opts())?)
    }
}

impl Kind for IntGauge {
    fn register(registry: &Registry, spec: &Spec) -> Result<Self, prometheus::Error> {
        registered(registry, Self::with_opts(spec.opts())?)
    }
}

impl Kind for Gauge {
    fn register(registry: &Registry, spec: &Spec) -> Result<Self, prometheus::Error> {
        registered(registry, Self::with_opts(spec.opts())?)
    }
}

impl Kind for Histogram {
    fn register(registry: &Registry, spec: &Spec) -> Result<Self, prometheus::Error> {
        registered(registry, Self::with_opts(spec.histogram())?)
    }
}

/// Prometheus' metrics with labels, which go by the order of their values.
pub trait Vector {
    /// One series.
    type Series;

    /// The series with these label values; made if it is new.
    fn series(&self, values: &[String]) -> Self::Series;

    /// Forgets all series.
    fn clear(&self);
}

/// How one is made.
pub(super) trait Make: Vector + Collector + Clone + 'static {
    fn make(spec: &Spec, labels: &[&str]) -> Result<Self, prometheus::Error>;
}

macro_rules! vector {
    ($vector:ty, $series:ty, $opts:ident) => {
        impl Vector for $vector {
            type Series = $series;

            fn series(&self, values: &[String]) -> $series {
                self.with_label_values(values)
            }

            fn clear(&self) {
                self.reset();
            }
        }

        impl Make for $vector {
            fn make(spec: &Spec, labels: &[&str]) -> Result<Self, prometheus::Error> {
                Self::new(spec.$opts(), labels)
            }
        }
    };
}

vector!(IntCounterVec, IntCounter, opts);
vector!(IntGaugeVec, IntGauge, opts);
vector!(HistogramVec, Histogram, histogram);

/// A metric with the labels `L`, a tuple of [`Label`] types.
pub struct Family<V, L> {
    vector: V,
    labels: PhantomData<fn(L)>,
}

impl<V: Vector, L: Labels> Family<V, L> {
    /// The series with these labels.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a tuple made for the call reads better bare"
    )]
    pub fn with(&self, labels: L) -> V::Series {
        self.vector.series(&labels.values())
    }
}

impl<V: Vector, L> Family<V, L> {
    /// Forgets all series.
    pub(super) fn reset(&self) {
        self.vector.clear();
    }
}

impl<V: Make, L: Labels> Kind for Family<V, L> {
    fn register(registry: &Registry, spec: &Spec) -> Result<Self, prometheus::Error> {
        let vector = registered(registry, V::make(spec, &L::names())?)?;
        let family = Self { vector, labels: PhantomData };
        for labels in L::all() {
            family.with(labels);
        }
        Ok(family)
    }
}

/// One or two labels.
pub trait Labels: Sized {
    /// Their names.
    fn names() -> Vec<&'static str>;
    /// Their values, in the same order.
    fn values(&self) -> Vec<String>;
    /// Every combination, if all are closed; else none.
    fn all() -> Vec<Self>;
}

impl<A: Label> Labels for (A,) {
    fn names() -> Vec<&'static str> {
        vec![A::NAME]
    }

    fn values(&self) -> Vec<String> {
        vec![self.0.text()]
    }

    fn all() -> Vec<Self> {
        A::all().into_iter().map(|a| (a,)).collect()
    }
}

impl<A: Label, B: Label> Labels for (A, B) {
    fn names() -> Vec<&'static str> {
        vec![A::NAME, B::NAME]
    }

    fn values(&self) -> Vec<String> {
        vec![self.0.text(), self.1.text()]
    }

    fn all() -> Vec<Self> {
        let pair = |a: A| B::all().into_iter().map(move |b| (a.clone(), b));
        A::all().into_iter().flat_map(pair).collect()
    }
}
