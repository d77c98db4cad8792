#pragma once

#include <filesystem>
#include <string>

#include "models/gru_session.h"
#include "models/two_tower.h"

namespace segue::torchscript {

/// The attribute that holds a parameter: "layers.0.gru.bias_ih" is layers__0__gru__bias_ih; other characters (of a
/// feature's name) by their code, "_x20".
std::string attribute_name(const std::string& parameter);

/// The buffer that holds an item feature's codes or values by row, before attribute_name().
std::string item_table(const std::string& feature);

/// The buffer that holds where the codes of each item begin and end, for a feature of several codes an item.
std::string item_offsets(const std::string& feature);

/// The module's Python-like source: methods over the parameters and item tables of `model`.
/// Stock operators only, so that anyone's torch.jit.load takes it.
std::string source_text(const models::GruSession& model);
std::string source_text(const models::TwoTower& model);

/// The buffer that holds the rows of items in a table of hashed ids.
inline constexpr const char* kIdRows = "id_rows";

/// Writes model.pt. Its methods (B histories, T events; a history or context feature is [B, T], in the order of the
/// feature specs):
///   forward(items [B, T] int64, lengths [B] int64, history: List[Tensor], context: List[Tensor]) -> vectors [B, e]
///   recommend(items, lengths, history, context, k: int, hide_seen: bool) -> (scores [B, k], rows [B, k])
///   initial_state(batch: int) -> state;  step(state, item [B], history: List[Tensor [B]], context: List[Tensor [B]])
///   -> (state, vectors)
/// Column t of a context feature is about event t + 1, which is to be predicted at t: a live session of a model with
/// context features keeps the state before its last event, and steps once more from it for each request. `step` over
/// the events of a history gives what `forward` gives for all of them. Rows of items beyond a length are not read. The
/// extra files "items.txt" (one JSON string a line: row -> id) and "README" stand in the archive.
/// @throws DataError              the file cannot be written
/// @throws std::invalid_argument  a kind of model that no source is known for
void write_model(const models::Model& model, const std::filesystem::path& path, const std::string& items_text);

}  // namespace segue::torchscript
