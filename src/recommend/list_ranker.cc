#include "recommend/list_ranker.h"

#include "recommend/score_ranker.h"
#include "recommend/vector_ranker.h"

namespace segue::recommend {

std::unique_ptr<ListRanker> make_list_ranker(const BundleModel& model, const item_index::ItemIndex* index,
                                             const ItemFilter& filter, std::int64_t max_length, std::int64_t k,
                                             bool hide_seen, const kernels::Device& device) {
  if (!model.has_vectors()) return std::make_unique<ScoreRanker>(model, filter, k, hide_seen);
  return std::make_unique<VectorRanker>(model, index, filter, max_length, k, hide_seen, device);
}

}  // namespace segue::recommend
