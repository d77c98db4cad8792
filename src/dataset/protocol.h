#pragma once

#include <string>

#include "dataset/input_files.h"
#include "dataset/prepare.h"
#include "support/json.h"

namespace segue::dataset {

/// The filters, the split and the features: what makes figures comparable. No paths, so that it is the same wherever
/// the files lie.
Json protocol_of(const DataOptions& options);

/// The version of the prepared format that such a dataset states.
int version_of(const DataOptions& options);

/// A fingerprint of the whole section `data` and of the input files (names, sizes, times of change): equal means that
/// preparing again would give the same.
std::string source_of(const DataOptions& options, const InputFiles& files);

}  // namespace segue::dataset
