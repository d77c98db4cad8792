#include "cli/program.h"
#include "support/interrupt.h"

int main(int argc, char** argv) {
  segue::catch_interrupts();
  return segue::cli::run_program(argc, argv);
}
