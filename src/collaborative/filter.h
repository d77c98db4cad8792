#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "collaborative/filter_options.h"
#include "dataset/dataset.h"
#include "kernels/matrix_view.h"
#include "model_file/safetensors.h"
#include "support/ids.h"

namespace segue::collaborative {

class NeighbourRows;

/// A trained collaborative filter: it scores items by what a history holds, whatever its order (history_half_life
/// apart). Immutable; all members may be called from many threads at a time.
class Filter {
 public:
  Filter(const FilterOptions& options, std::int32_t n_items) : options_(options), n_items_(n_items) {}
  virtual ~Filter() = default;
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  [[nodiscard]] std::string kind() const { return options_.kind(); }
  [[nodiscard]] const FilterOptions& options() const { return options_; }
  [[nodiscard]] std::int32_t n_items() const { return n_items_; }
  /// Scores of the whole catalogue, finite; higher is better. Items of the history are scored too: who does not want
  /// them hides them.
  /// @param history  item rows, oldest first; rows outside [0, n_items) are unknown items, which score nothing
  /// @param scores   [n_items];  std::invalid_argument for another length
  void score(std::span<const ItemRow> history, std::span<float> scores) const;
  /// The same for many histories, side by side: the same bits as one by one.
  /// @param scores  [histories.size(), n_items]
  void score_all(std::span<const std::span<const ItemRow>> histories, kernels::MatrixView<float> scores,
                 int n_threads) const;
  /// [n_items, dim], where a filter ranks by the inner product of a history's vector with them, so that an index of
  /// them serves it: score() gives the defined scores (kernels/top_k.h) of history_vectors(). Empty: it ranks by other
  /// means.
  [[nodiscard]] virtual std::span<const float> item_vectors() const { return {}; }
  /// On the calling thread.
  /// @param vectors  [histories.size(), dim]
  /// @throws std::logic_error  a filter without item_vectors();  NumericError  singular equations (ials)
  virtual void history_vectors(std::span<const std::span<const ItemRow>> histories, std::span<float> vectors) const;
  /// Weights between items, where a filter's score of an item is the weighted sum of those that the history's items
  /// have for it; nullptr: it scores by other means.
  [[nodiscard]] virtual const NeighbourRows* neighbours() const { return nullptr; }
  /// What load() needs besides the options; views of the filter's own memory.
  [[nodiscard]] virtual std::map<std::string, model_file::TensorBytes> weights() const = 0;

 protected:
  /// Fills all of `scores`, [n_items].
  virtual void fill(std::span<const ItemRow> history, std::span<float> scores) const = 0;
  /// Calls fill(), unless a kind has a faster way for many.
  virtual void fill_all(std::span<const std::span<const ItemRow>> histories, kernels::MatrixView<float> scores,
                        int n_threads) const;

 private:
  FilterOptions options_;
  std::int32_t n_items_;
};

/// How far a fit is.
struct FitStep {
  std::string what;  ///< of which `total` are to be done: "epochs", "blocks of the inverse"
  std::int64_t done = 0, total = 0;
  std::optional<double> loss;  ///< after this step, where one is defined (ials)
};

struct FitSettings {
  bool include_validation = false;                   ///< learn from the validation part too
  std::uint64_t seed = 42;                           ///< of the kinds that start at random (ials)
  int n_threads = 1;                                 ///< the result does not depend on it
  std::function<void(const FitStep&)> on_step = {};  ///< called between steps on the caller's thread; may throw to stop
};

/// Fits a filter to the training part. Let X be the 0-1 matrix of sequences x items, d_u and d_i its row and column
/// sums: an item counts once a sequence. Histories are folded in likewise: each distinct item once, with weight 1 or,
/// with history_half_life h > 0, 2^(-events after its latest occurrence / h).
///
/// - `popularity`: the events of an item.
/// - `recent_popularity`: the sum over its events of 2^(-(age before the latest training event) / half_life).
/// - `item_knn`: s_ij = sum over u holding both of d_u^-user_exponent / ((d_i d_j)^item_exponent + shrink); of every
///   row i the `neighbours` largest are kept (equal ones by lower row); score_j = sum of w_i s_ij over the history.
///   With exponents 0 and .5 it is the cosine. Cost: sum of d_u^2 additions.
/// - `feature_knn`: the same with s_ij the cosine of the items' feature vectors: a category's one-hot code times
///   ln(n_items / items that have it), numbers as they are. Only positive ones are kept. Items that no sequence holds
///   are served too. Cost: for every item the other items that share a category, and all others where there are
///   numbers.
/// - `ease` (Steck, Embarrassingly shallow autoencoders for sparse data, 2019): P = (X'X + l2 I)^-1, B_ij = -P_ij /
///   P_jj, B_ii = 0; score = x B; of every row i the `neighbours` largest in magnitude are kept, or all. Cost:
///   n_items^3 floating-point operations and 4 n_items^2 bytes.
/// - `ials` (Hu, Koren, Volinsky 2008, with the loss and the scaled penalty of Rendle, Krichene, Zhang, Koren,
///   Revisiting the performance of iALS, 2022): see collaborative/alternating_least_squares.h. A history's factor is
///   the exact minimum given the items' factors.
///
/// @throws ConfigError  recent_popularity without times, feature_knn without item features, ease beyond memory_limit:
///                      each says what to do
/// @throws NumericError  ease, ials: equations that are singular in float32
std::unique_ptr<Filter> fit(const FilterOptions& options, const Dataset& dataset, const FitSettings& settings);

/// A filter from its weights(). The scores have the bits of the filter that was saved (at the same instruction set).
/// @throws DataError  tensors that are missing, of another shape, or not consistent
std::unique_ptr<Filter> load(const FilterOptions& options, const model_file::SafetensorsFile& file,
                             std::int32_t n_items);

}  // namespace segue::collaborative
