//! Accounts as the tools name them, and what each holds while the log is walked.

use std::collections::BTreeMap;

use domain::ledger::AccountClass;
use kernel::{Currency, Money, MoneyError, Posting, Side};

/// What an account holds after the records so far.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// As the tools name it.
    pub name: String,
    /// Σ debits − Σ credits, per currency.
    pub sums: BTreeMap<Currency, Money>,
    /// Was it declared in this file?
    pub declared: bool,
    /// Was it posted to since its balance was last asserted?
    pub touched: bool,
}

impl Account {
    /// Nothing yet on an account of our chart; `None` for one that the chart has not.
    pub(super) fn opened(account: &str) -> Option<Self> {
        let class = domain::ledger::class_of(account)?;
        let name = tool_name(account, class);
        Some(Self { name, sums: BTreeMap::new(), declared: false, touched: false })
    }

    /// Adds a posting.
    pub(super) fn post(&mut self, posting: &Posting) -> Result<(), MoneyError> {
        let currency = posting.amount.currency();
        let sum = self.sums.get(&currency).copied().unwrap_or(Money::zero(currency));
        self.sums.insert(currency, sum.plus(signed(posting))?);
        self.touched = true;
        Ok(())
    }

    /// Does it hold anything?
    pub(super) fn holds(&self) -> bool {
        self.sums.values().any(|sum| !sum.is_zero())
    }
}

/// A posting as the tools write it: debits are positive, credits negative.
pub(super) const fn signed(posting: &Posting) -> Money {
    match posting.side {
        Side::Debit => posting.amount,
        Side::Credit => posting.amount.with_minor(-posting.amount.minor()),
    }
}

/// `host_payable:0193…` as `Liabilities:Host-Payable:Id-0193…`: one of beancount's five roots, and components that begin with a
/// capital letter and hold letters, digits and hyphens only. Different accounts keep different names: our chart has no hyphens and
/// no capitals, and what follows the colon is a UUID.
pub(super) fn tool_name(account: &str, class: AccountClass) -> String {
    let root = match class {
        AccountClass::Asset => "Assets",
        AccountClass::Liability => "Liabilities",
        AccountClass::Income => "Income",
        AccountClass::Expense => "Expenses",
    };
    let (family, owner) = account.split_once(':').map_or((account, None), |(family, owner)| (family, Some(owner)));
    let words: Vec<String> = family.split('_').map(capitalised).collect();
    match owner {
        Some(owner) => format!("{root}:{}:Id-{owner}", words.join("-")),
        None => format!("{root}:{}", words.join("-")),
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}
