#include "support/interrupt.h"

#include <csignal>

namespace segue {
namespace {

volatile std::sig_atomic_t arrived_signal = 0;

void remember(int signal_number) {
  if (arrived_signal != 0) {
    // The user insists: die by the signal itself, so that the parent sees why.
    std::signal(signal_number, SIG_DFL);
    std::raise(signal_number);
    return;
  }
  arrived_signal = signal_number;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;  // reads and writes in flight go on: the loops ask at their safe points
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int interrupt_signal() { return arrived_signal; }

void clear_interrupt() { arrived_signal = 0; }

}  // namespace segue
