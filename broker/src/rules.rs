//! The rules that keep what was acknowledged, one name each, and in test builds a switch that takes one out.
//!
//! Where a rule is enforced the code asks [`holds`]: `!rules::holds(Rule::MinIsrGate) || state.may_commit()`. In a broker
//! in use the answer is `true`, at compile time. With the cargo feature `mutants` a rule can be taken out, for one thread
//! by `without` or for a whole process by the environment (`left_out`), and whoever tests must then find what it prevents: a rule whose
//! absence nobody notices is not tested, or not needed. `make mutants` prints who notices what.
//!
//! *Invariant:* without the feature `mutants` every rule holds, and no switch exists.

/// Declares the rules: variant, name, where it comes from, what it prevents.
macro_rules! rules {
    ($($variant:ident $name:literal $source:literal $prevents:literal)*) => {
        /// One rule that code enforces, in one place: rules of several checks are several here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = concat!("Prevents that ", $prevents, ". (", $source, ")")] $variant,)*
        }

        impl Rule {
            /// All of them, in the order of DESIGN 4.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in tables, settings and traces.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it prevents, as the end of a sentence.
            #[must_use]
            pub const fn prevents(self) -> &'static str {
                match self { $(Self::$variant => $prevents,)* }
            }

            /// Where it comes from.
            #[must_use]
            pub const fn source(self) -> &'static str {
                match self { $(Self::$variant => $source,)* }
            }
        }
    };
}

rules! {
    // The leader.
    OneLifeOneReign "one_life_one_reign" "rule 1, KIP-380"
        "a restarted leader resumes a reign in which it has lost what its followers believe it holds"
    MaximalIsr "maximal_isr" "rule 2, KIP-497"
        "a leader commits without a member that it is taking in, and that may be elected already"
    SmallerIsrOnceWritten "smaller_isr_once_written" "rule 2"
        "a leader commits without a member that it is putting out, and that may still be elected"
    MinIsrGate "min_isr_gate" "rule 3, KIP-966"
        "a leader commits alone what the eligible replicas do not hold"
    DurableBeforeCounted "durable_before_counted" "rules 3 and 7"
        "a replica acknowledges what a power cut takes away again"
    HeldInThisReign "held_in_this_reign" "rule 3"
        "a member counts as holding what it has not said in this reign that it holds"
    OneOpenProposal "one_open_proposal" "rule 4"
        "a second change of the in-sync set makes a leader forget the first, which may yet land"
    UnknownStaysOpen "unknown_stays_open" "rule 4, row 11"
        "a leader forgets a change of unknown outcome, which may yet land"
    RefusalAfterUnknown "refusal_after_unknown" "rule 4"
        "the refusal of a second try is taken for the fate of the first, which may yet land"
    LeaderGuardsRecord "leader_guards_record" "rule 4"
        "a leader's late write overwrites an election"
    JoinsAtHighWatermark "joins_at_high_watermark" "rule 5"
        "a follower joins the in-sync set without all that is committed"
    JoinsAtReignStart "joins_at_reign_start" "rule 5, KAFKA-7128"
        "a follower joins before the leader itself knows all that is committed"
    JoinerIsThatLife "joiner_is_that_life" "rule 5, KIP-903"
        "a broker that has restarted with less joins by what its former life held"
    JoinerIsLive "joiner_is_live" "rule 5, KIP-841"
        "a broker joins that is gone, and nothing is committed until it is put out again"
    RefusesBeforeAppend "refuses_before_append" "rule 6"
        "a producer is told that nothing was written when it was, or waits for what cannot come"
    // The follower, and the leader that answers it.
    FencesOlderReigns "fences_older_reigns" "rule 7, KIP-320"
        "a follower that lives in an older reign acknowledges what it will cut again"
    HearsOfNewerReigns "hears_of_newer_reigns" "rule 7"
        "a deposed leader goes on answering as if nothing had happened"
    NewestLifeFetches "newest_life_fetches" "rule 7, KIP-903"
        "a late fetch of a former life speaks for the present one"
    CutsByEpoch "cuts_by_epoch" "rule 8, KIP-101"
        "a follower cuts to its high watermark, which lags behind what is committed"
    SeesDivergence "sees_divergence" "rule 8, KIP-101"
        "a follower appends to a history that is not its leader's"
    DivergenceIsNoProgress "divergence_is_no_progress" "rule 8, KAFKA-13141"
        "what a follower is about to cut counts as held"
    CutsToTheLeastEnd "cuts_to_the_least_end" "rule 8, KIP-279"
        "a part that diverges stays after two failovers in a row"
    AnswersInTime "answers_in_time" "rule 8, KAFKA-13207"
        "an answer is applied to a log that has changed since it was asked for"
    WatermarkWithinLog "watermark_within_log" "rule 9"
        "a follower calls committed what it does not hold"
    WatermarkNeverBack "watermark_never_back" "rule 9"
        "a high watermark goes back within a reign"
    StartBelowWatermark "start_below_watermark" "rule 9, KIP-107"
        "a log starts above what is known to be committed"
    RangeBeforeDivergence "range_before_divergence" "row 22"
        "epochs that a leader has trimmed away are taken for a divergence"
    AnewOnlyBelowStart "anew_only_below_start" "rule 9, row 22"
        "a follower drops a log that holds what its leader still has"
    // The controller.
    ControllerSeat "controller_seat" "rule 10, KAFKA-6082"
        "a controller that was replaced goes on writing"
    ControllerGuardsRecord "controller_guards_record" "rule 10"
        "an election by an old image overwrites what has happened since"
    ElectsFromInSync "elects_from_in_sync" "rule 11"
        "a replica is elected that does not hold what is committed"
    EligibleWhileSmall "eligible_while_small" "rule 12, KIP-966"
        "replicas stay eligible while others commit without them"
    LeaversStayEligible "leavers_stay_eligible" "rule 12, KIP-966"
        "nobody may be elected when the last one in sync is lost, though others hold everything"
    ProofOfRecovery "proof_of_recovery" "rule 13, KIP-966"
        "a restarted replica counts as if it had lost nothing"
    ProofOfThatLife "proof_of_that_life" "rule 13"
        "a replica's proof for one former life is taken for another"
    FsyncProofNeedsFlush "fsync_proof_needs_flush" "rule 13"
        "a proof that fsynced records are whole is believed where acknowledged ones were not fsynced"
    LossEndsProof "loss_ends_proof" "rule 13"
        "a disk that lost what was durable proves a whole recovery"
    Brake "brake" "rule 14"
        "a moment without the store moves all leaderships"
    // Reading, deleting, and a store that was set back.
    EndOnceKnown "end_once_known" "KIP-207"
        "a new leader tells an end that lies below one that was told before"
    ReadsCommitted "reads_committed" "reading"
        "a reader is given what may yet be cut"
    DeletesOnProof "deletes_on_proof" "row 27"
        "a replica is deleted because an image did not show it"
    EpochNeverBack "epoch_never_back" "row 32"
        "a record from a store that was set back is obeyed"
    // Groups and producers.
    GenerationFences "generation_fences" "groups, classic"
        "a member of an older generation moves the offsets of partitions that another has"
    MemberEpochFences "member_epoch_fences" "groups, KIP-848"
        "a member with an old epoch, or without the partition, moves its new owner's offsets"
    SequenceRepeats "sequence_repeats" "KIP-98"
        "what a producer sends again is appended again"
    SequenceGaps "sequence_gaps" "KIP-98"
        "a producer's later batch is appended before an earlier one"
    ProducerEpochs "producer_epochs" "KIP-98"
        "a producer that was replaced goes on writing"
    // Files.
    RecoveryVerifies "recovery_verifies" "files, row 23"
        "a batch that was torn by a crash is taken for whole"
    RecoveryPointIsDurable "recovery_point_is_durable" "files, row 23"
        "recovery does not look at what was never fsynced"
    CutLowersRecoveryPoint "cut_lowers_recovery_point" "files"
        "recovery does not look at what was written anew after a cut"
    FailedFsyncPoisons "failed_fsync_poisons" "files, row 23"
        "an fsync that is tried again calls durable what the first one lost"
}

impl Rule {
    /// The rule of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }
}

/// Whether this rule is in force: always, but in test builds that take it out.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
#[must_use]
pub const fn holds(_rule: Rule) -> bool {
    true
}

#[cfg(feature = "mutants")]
pub use switches::{Without, holds, left_out, without};

#[cfg(feature = "mutants")]
mod switches {
    use std::cell::Cell;
    use std::sync::OnceLock;

    use super::Rule;

    const _: () = assert!(Rule::ALL.len() <= 64, "one bit each");

    /// The variable that names the rules which a whole process goes without, with commas between.
    const VARIABLE: &str = "TIDEMARK_WITHOUT";

    thread_local! {
        /// The rules that this thread goes without.
        static THREAD: Cell<u64> = const { Cell::new(0) };
    }

    const fn bit(rule: Rule) -> u64 {
        1 << rule as u64
    }

    /// Whether this rule is in force here.
    ///
    /// # Panics
    /// If the environment names a rule that does not exist; `main` has looked before.
    #[must_use]
    pub fn holds(rule: Rule) -> bool {
        static PROCESS: OnceLock<u64> = OnceLock::new();
        let of_process = PROCESS.get_or_init(|| {
            let rules = left_out().unwrap_or_else(|error| panic!("{VARIABLE}: {error}"));
            rules.into_iter().map(bit).fold(0, |all, one| all | one)
        });
        (THREAD.get() | of_process) & bit(rule) == 0
    }

    /// The rules that the environment takes out of this whole process (`TIDEMARK_WITHOUT=name,name`).
    ///
    /// # Errors
    /// The first name that no rule has.
    pub fn left_out() -> Result<Vec<Rule>, String> {
        named(&std::env::var(VARIABLE).unwrap_or_default())
    }

    pub(super) fn named(names: &str) -> Result<Vec<Rule>, String> {
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| Rule::named(name).ok_or_else(|| format!("no rule is named '{name}'"))).collect()
    }

    /// Takes a rule out on this thread for as long as the guard lives.
    pub fn without(rule: Rule) -> Without {
        let before = THREAD.get();
        THREAD.set(before | bit(rule));
        Without { before }
    }

    /// The rule is back when this is dropped. Guards are dropped in the reverse order of their making.
    #[must_use = "the rule is back when this is dropped"]
    #[derive(Debug)]
    pub struct Without {
        before: u64,
    }

    impl Drop for Without {
        fn drop(&mut self) {
            THREAD.set(self.before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_find_their_rule() {
        for rule in Rule::ALL {
            assert_eq!(Rule::named(rule.name()), Some(*rule), "two rules have one name");
            assert!(holds(*rule));
        }
        assert_eq!(Rule::named("no_such_rule"), None);
    }

    #[cfg(feature = "mutants")]
    #[test]
    fn a_rule_is_out_for_one_thread_while_its_guard_lives() {
        let outer = without(Rule::Brake);
        {
            let _inner = without(Rule::MinIsrGate);
            assert!(!holds(Rule::MinIsrGate) && !holds(Rule::Brake));
            let elsewhere = std::thread::spawn(|| holds(Rule::MinIsrGate)).join();
            assert!(elsewhere.is_ok_and(|holds| holds), "other threads keep it");
        }
        assert!(holds(Rule::MinIsrGate) && !holds(Rule::Brake));
        drop(outer);
        assert!(holds(Rule::Brake));
        assert_eq!(switches::named("brake, min_isr_gate"), Ok(vec![Rule::Brake, Rule::MinIsrGate]));
        assert!(switches::named("brake,no_such_rule").is_err());
    }
}
