//! How much of each cap is left: plain arithmetic.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use presdr_events::RunId;
use presdr_store::ledger::{self, Charge, Taking, USD};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use crate::{Caps, Vendor, record::Warning};

/// From this share of a cap on, an alert says so.
const NEARLY: Decimal = Decimal::from_parts(8, 0, 0, false, 1);

/// What a cap is on: a meter, over a day or a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Budget {
    meter: &'static str,
    period: String,
    of_run: bool,
}

impl Budget {
    /// Everything that a vendor's charge counts against.
    pub fn of(vendor: Vendor, run: Option<RunId>, day: NaiveDate) -> Vec<Self> {
        Self::of_meter(vendor.meter(), run, day)
    }

    pub fn of_meter(meter: &'static str, run: Option<RunId>, day: NaiveDate) -> Vec<Self> {
        let mut budgets = Vec::with_capacity(4);
        for meter in [meter, USD] {
            budgets.push(Self { meter, period: ledger::day(day), of_run: false });
            budgets.extend(run.map(|run| Self { meter, period: ledger::run(run), of_run: true }));
        }
        budgets
    }

    pub fn names(budgets: &[Self]) -> Vec<(&'static str, String)> {
        budgets.iter().map(|budget| (budget.meter, budget.period.clone())).collect()
    }

    /// As the ledger knows it.
    pub fn name(&self) -> (String, String) {
        (self.meter.to_owned(), self.period.clone())
    }

    fn amount(&self, charge: &Charge) -> Decimal {
        if self.meter == USD { charge.usd } else { charge.metered }
    }

    /// What may be used up of it.
    pub fn cap(&self, caps: &Caps) -> Option<Decimal> {
        let vendor = Vendor::ALL.into_iter().find(|vendor| vendor.meter() == self.meter);
        let cap = vendor.map_or(&caps.usd, |vendor| caps.of(vendor));
        if self.of_run { cap.run } else { cap.day }
    }
}

/// What is taken of each budget, and what is about to be.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    taken: HashMap<(String, String), Decimal>,
    caps: Caps,
    more: BTreeMap<Budget, Decimal>,
    full: Vec<Budget>,
}

impl Room {
    pub fn new(taken: HashMap<(String, String), Decimal>, caps: &Caps) -> Self {
        Self { taken, caps: caps.clone(), more: BTreeMap::new(), full: Vec::new() }
    }

    /// The room before anything was taken here; what was found full stays so.
    pub fn as_it_was(&self) -> Self {
        Self { more: BTreeMap::new(), ..self.clone() }
    }

    /// Takes the worst case of every budget, or of none.
    ///
    /// `Err` names the meter whose cap has no room.
    pub fn take(&mut self, budgets: &[Budget], worst: &Charge) -> Result<(), &'static str> {
        let full = budgets
            .iter()
            .find(|budget| budget.cap(&self.caps).is_some_and(|cap| self.total(budget) + budget.amount(worst) > cap));
        if let Some(full) = full {
            let meter = full.meter;
            if !self.full.contains(full) {
                self.full.push(full.clone());
            }
            return Err(meter);
        }
        self.take_all(budgets, worst);
        Ok(())
    }

    /// Takes what was decided before.
    pub fn take_all(&mut self, budgets: &[Budget], worst: &Charge) {
        for budget in budgets {
            *self.more.entry(budget.clone()).or_default() += budget.amount(worst);
        }
    }

    fn total(&self, budget: &Budget) -> Decimal {
        let taken = self.taken.get(&budget.name()).copied().unwrap_or_default();
        taken + self.more.get(budget).copied().unwrap_or_default()
    }

    pub fn takings(&self) -> Vec<Taking> {
        let taking = |(budget, amount): (&Budget, &Decimal)| Taking {
            meter: budget.meter,
            period: budget.period.clone(),
            amount: *amount,
            cap: budget.cap(&self.caps),
        };
        self.more.iter().map(taking).collect()
    }

    /// Caps that are nearly used up, and those that had no room.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for budget in self.more.keys().chain(&self.full) {
            let Some(cap) = budget.cap(&self.caps) else { continue };
            let (total, full) = (self.total(budget), self.full.contains(budget));
            let about = format!("{} {}", budget.meter, budget.period);
            let warning = |kind, message| Warning {
                about: about.clone(),
                kind,
                value: total.to_f64(),
                limit: cap.to_f64(),
                message,
            };
            if full || total >= cap * NEARLY {
                let message = format!(
                    "{} of {cap} {} for {} are used or reserved",
                    total.normalize(),
                    budget.meter,
                    budget.period
                );
                warnings.push(warning("vendor_cap_nearly_reached", message));
            }
            if full || total >= cap {
                let message =
                    format!("the cap of {cap} {} for {} is reached: leads go on without", budget.meter, budget.period);
                warnings.push(warning("vendor_cap_reached", message));
            }
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cap;

    fn worst(metered: u64, usd: &str) -> Charge {
        Charge { metered: metered.into(), usd: usd.parse().unwrap(), ..Charge::default() }
    }

    fn budgets() -> Vec<Budget> {
        Budget::of(Vendor::Tavily, RunId::new(7).ok(), NaiveDate::from_ymd_opt(2026, 11, 23).unwrap())
    }

    fn room(taken: u64) -> Room {
        let caps = Caps { tavily_calls: Cap { day: Some(10.into()), run: Some(5.into()) }, ..Caps::default() };
        let taken = HashMap::from([(("tavily_calls".to_owned(), "2026-11-23".to_owned()), taken.into())]);
        Room::new(taken, &caps)
    }

    #[test]
    fn what_has_no_room_anywhere_is_taken_nowhere() {
        let mut room = room(9);
        assert_eq!(room.take(&budgets(), &worst(1, "0.008")), Ok(()));
        let before = room.takings();
        assert_eq!(room.take(&budgets(), &worst(1, "0.008")), Err("tavily_calls"));
        assert_eq!(room.takings(), before);
    }

    #[test]
    fn the_caps_of_a_run_and_of_money_count_as_well() {
        let mut room = room(0);
        for _ in 0..5 {
            assert_eq!(room.take(&budgets(), &worst(1, "1")), Ok(()));
        }
        assert_eq!(room.take(&budgets(), &worst(1, "1")), Err("tavily_calls"), "the run's");
        let mut room = self::room(0);
        assert_eq!(room.take(&budgets(), &worst(1, "25.01")), Err("usd"));
        assert_eq!(room.take(&budgets(), &worst(1, "25")), Ok(()));
    }

    #[test]
    fn a_cap_warns_at_four_fifths_and_when_it_is_reached() {
        let kinds = |room: &Room| {
            room.warnings().iter().map(|warning| (warning.about.clone(), warning.kind)).collect::<Vec<_>>()
        };
        let mut room = room(6);
        room.take(&budgets(), &worst(1, "0")).unwrap();
        assert_eq!(kinds(&room), []);
        room.take(&budgets(), &worst(1, "0")).unwrap();
        let day = "tavily_calls 2026-11-23".to_owned();
        assert_eq!(kinds(&room), [(day.clone(), "vendor_cap_nearly_reached")]);
        assert!(room.take(&budgets(), &worst(3, "0")).is_err());
        assert!(kinds(&room).contains(&(day, "vendor_cap_reached")));
    }
}
