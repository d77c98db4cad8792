#pragma once

namespace segue {

/// Makes SIGINT and SIGTERM set a flag instead of killing the process; a second signal kills at once.
void catch_interrupts();
/// 0, or the number of the signal that arrived. Long loops ask at safe points, save, and throw Interrupted.
int interrupt_signal();
/// Forgets the signal (tests).
void clear_interrupt();

}  // namespace segue
