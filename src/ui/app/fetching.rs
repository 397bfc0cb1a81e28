//! Models of the hub: looked for in the cache, asked about and fetched on threads of their own.

use super::App;
use crate::model::hub::Plan;
use crate::model::{Hub, HubError, HubId, HubModel};
use crate::session::ModelSource;
use crate::ui::ask::Asked;
use crate::ui::fetching::{Fetch, Step, Tracker, Wanted};
use crate::ui::jobs::JobOutcome;
use crate::ui::messages::Kind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

impl App {
    /// The hub and the cache that models come from. The cache is looked at; the hub is not asked.
    pub fn use_hub(&mut self, hub: Hub) {
        self.hub = Some(hub);
        self.list_models();
    }

    fn list_models(&self) {
        if let Some(hub) = self.hub.clone() {
            self.desk.start("models", move || Some(JobOutcome::Models(hub.cached())));
        }
    }

    pub(super) fn fetch(&mut self, fetch: Fetch) {
        match fetch {
            Fetch::Name(open) => self.state.id_field = open.then(Asked::default),
            Fetch::Want(id) => self.want(id),
            Fetch::Begin => self.begin_fetch(),
            Fetch::Stop => {
                if let Some(wanted) = self.state.fetching.now.take() {
                    wanted.tracker.stop.store(true, Ordering::Relaxed);
                    if matches!(wanted.step, Step::Fetching) {
                        let text =
                            format!("{} is not fetched; what has come is kept for the next time.", wanted.id);
                        self.state.messages.add(Kind::Done, text);
                    }
                }
            }
        }
    }

    /// Loads a model that is here; asks the hub about another.
    fn want(&mut self, id: HubId) {
        let Some(hub) = self.hub.clone() else {
            let text =
                "There is no place for models of the hub: set HF_HUB_CACHE to a folder, and start again.";
            self.state.messages.add(Kind::Problem, text);
            return;
        };
        if let Some(model) = hub.find(&id) {
            return self.open_model(ModelSource::Hub(model));
        }
        if let Some(Wanted { id, step: Step::Fetching, .. }) = &self.state.fetching.now {
            let text = format!("{id} is being fetched; one at a time.");
            self.state.messages.add(Kind::Hint, text);
            return;
        }
        // What was asked before is not waited for any more.
        if let Some(before) = self.state.fetching.now.take() {
            before.tracker.stop.store(true, Ordering::Relaxed);
        }
        let tracker: Arc<Tracker> = Arc::default();
        let (step, since) = (Step::Looking, Instant::now());
        let instead_of = self.model_asked.clone();
        self.state.fetching.now =
            Some(Wanted { id: id.clone(), instead_of, step, since, tracker: tracker.clone() });
        self.desk.start("hub", move || {
            Some(match hub.find(&id) {
                Some(model) => JobOutcome::Fetched(tracker, Ok(model)),
                None => {
                    let plan = hub.look(&id, &|| tracker.stop.load(Ordering::Relaxed));
                    JobOutcome::Looked(tracker, plan.map(Arc::new))
                }
            })
        });
    }

    /// The hub has said what a model is; nothing is to be done where nobody waits for it any more.
    pub(super) fn take_plan(&mut self, tracker: &Arc<Tracker>, plan: Result<Arc<Plan>, HubError>) {
        let now = &mut self.state.fetching.now;
        let Some(wanted) = now.as_mut().filter(|w| Arc::ptr_eq(&w.tracker, tracker)) else { return };
        match plan {
            Ok(plan) => wanted.step = Step::Told(plan),
            Err(why) => {
                *now = None;
                self.state.messages.add(Kind::Problem, format!("{why}."));
            }
        }
    }

    fn begin_fetch(&mut self) {
        let (Some(wanted), Some(hub)) = (&mut self.state.fetching.now, self.hub.clone()) else { return };
        let Step::Told(plan) = &wanted.step else { return };
        let (plan, tracker) = (plan.clone(), wanted.tracker.clone());
        tracker.total.store(plan.size(), Ordering::Relaxed);
        (wanted.step, wanted.since) = (Step::Fetching, Instant::now());
        self.desk.start("fetch", move || {
            let stopped = || tracker.stop.load(Ordering::Relaxed);
            let model = hub.fetch(&plan, &stopped, &mut |p| tracker.note(p.stage, p.file, p.done, p.total));
            Some(JobOutcome::Fetched(tracker.clone(), model))
        });
    }

    /// A model is here, or will not come.
    pub(super) fn take_model(&mut self, tracker: &Arc<Tracker>, model: Result<HubModel, HubError>) {
        self.list_models();
        let waits = |wanted: &mut Wanted| Arc::ptr_eq(&wanted.tracker, tracker);
        let Some(wanted) = self.state.fetching.now.take_if(waits) else { return };
        match model {
            // Who has taken another one meanwhile is not torn away from it.
            Ok(model) if wanted.instead_of != self.model_asked => {
                let text = format!("{} is here: Open, then Models of the hub.", model.id);
                self.state.messages.add(Kind::Done, text);
            }
            Ok(model) => self.open_model(ModelSource::Hub(model)),
            Err(why) => self.state.messages.add(Kind::Problem, format!("{why}.")),
        }
    }
}
