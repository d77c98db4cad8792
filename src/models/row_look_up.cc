#include "models/row_look_up.h"

#include <torch/csrc/autograd/custom_function.h>

namespace segue::models {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct RowLookUp : public torch::autograd::Function<RowLookUp> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& table, const at::Tensor& rows,
                            std::vector<RowGradient>* gradients) {
    const at::AutoDispatchBelowADInplaceOrView below_autograd;
    context->save_for_backward({rows});
    context->saved_data["gradients"] = reinterpret_cast<std::int64_t>(gradients);
    return table.index_select(0, rows);
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    auto* gradients = reinterpret_cast<std::vector<RowGradient>*>(context->saved_data["gradients"].toInt());
    gradients->push_back({context->get_saved_variables()[0], upstream[0].contiguous()});
    return {{}, {}, {}};
  }
};

}  // namespace

at::Tensor look_up_rows(const at::Tensor& table, const at::Tensor& rows, std::vector<RowGradient>& gradients) {
  return RowLookUp::apply(table, rows, &gradients);
}

}  // namespace segue::models
