#pragma once

#include <cstdint>

#include "cli/device.h"
#include "cli/tune_plan.h"
#include "dataset/dataset.h"
#include "tuning/trial_log.h"

namespace segue::cli {

/// Trains one trial of a search as `segue train` does; from its checkpoint where it was begun before and left one.
/// A trial that diverges is a trial that failed, no error.
/// @throws Interrupted, and every error but NumericError that training and fitting throw
tuning::Trial run_trial(const PlannedTrial& planned, std::int64_t number, const Dataset& dataset,
                        const ChosenDevice& device);

}  // namespace segue::cli
