#pragma once

#include <filesystem>

#include "models/gru_session.h"

namespace segue::torchscript {

/// Writes model.pt, a scripted module of stock operators that anyone's Python loads with torch.jit.load:
///   forward(items [batch, time] int64, lengths [batch], history: List[Tensor], context: List[Tensor]) -> session vectors [batch, e]
///   recommend(items, lengths, history, context, k: int, hide_seen: bool) -> (scores [batch, k], rows [batch, k])
///   initial_state(batch: int) -> Tensor;  step(state, item [batch], history: List[Tensor]) -> state: one event of live sessions;
///   vectors(state, item, context ...) -> as forward after the same events: equal to a full replay
/// The exact signatures and the item ids (extra file "items.txt") are described in the module's "README" extra file.
void write_model(models::GruSession& model, const std::filesystem::path& path, const std::string& items_text);

}  // namespace segue::torchscript
