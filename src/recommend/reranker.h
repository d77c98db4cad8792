#pragma once

#include <cstdint>
#include <vector>

#include "features/vocabulary.h"
#include "recommend/bundle_model.h"
#include "recommend/history_reader.h"
#include "recommend/lists.h"

namespace segue::recommend {

/// The second of two stages: orders the candidates that another model found by the scores that this one gives them.
/// Thread-safe.
///
/// A candidate's score is the defined score (kernels/top_k.h) of its float32 vector and this model's vector of the same
/// history, with the output bias and visited weights: what this model's own recommendations have, to the last bit.
/// Equal scores go by this model's rows, as there. Candidates that it does not know, or whose score is NaN or -inf,
/// stand behind all others in the order in which they came, with a score of NaN.
class Reranker {
 public:
  /// @param model       has_vectors(); must outlive this
  /// @param candidates  ids of the candidates' rows
  /// @param max_length  events of a history that this model sees
  Reranker(const BundleModel& model, const features::Vocabulary& candidates, std::int64_t max_length);
  /// Candidates' rows that the model does not know.
  [[nodiscard]] std::int64_t n_unknown() const;
  /// @param chunk       its last input is this model's
  /// @param candidates  of the histories [first, first + n)
  /// @param lists       of the whole chunk, with source_scores: those of these histories are filled
  void order(const HistoryChunk& chunk, std::size_t first, std::size_t n, const Lists& candidates, Lists& lists) const;

 private:
  const BundleModel& model_;
  std::vector<ItemRow> rows_;  ///< of a candidate's row: the model's; kNoItem where it knows none
  std::int64_t max_length_;
};

}  // namespace segue::recommend
