#pragma once

#include <ATen/ATen.h>

#include <map>
#include <string>
#include <vector>

namespace segue::models {

/// What backward() found for some rows of a table; rows may repeat, their values then add up.
struct RowGradient {
  at::Tensor rows;    ///< [n] int64
  at::Tensor values;  ///< [n, width]
};

/// Gradients of tables that were read by rows, by the name of the parameter, in the order in which backward() met them.
using RowGradients = std::map<std::string, std::vector<RowGradient>>;

/// Rows of a table, [n, width], whose gradient backward() appends to `gradients` in place of the table's own: several
/// look-ups of one table then need no sum, and no sparse tensor is built. `gradients` must outlive the backward pass.
/// @param table  [rows, width], a parameter that requires a gradient
at::Tensor look_up_rows(const at::Tensor& table, const at::Tensor& rows, std::vector<RowGradient>& gradients);

}  // namespace segue::models
