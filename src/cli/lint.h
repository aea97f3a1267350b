/* lint.h - what strategy files that load may still be wrong about: for `moonbid check`.
 *
 * Part of: cli (private).
 */
#ifndef MB_CLI_LINT_H
#define MB_CLI_LINT_H

#include <stddef.h>

#include "moonbid/config.h"

/* Prints `file:line: warning: text` for each finding in the strategy files of the config's scripts folder, and which strategies
 * keep no state of their own; with luacheck's findings where that is installed. *findings: how many there were. Loads each
 * file once more, in a state of its own, so only what a checker has passed may be given. Gives CLI_OK, or CLI_ENVIRONMENT
 * having said why. */
int cli_lint(const struct mb_config *config, size_t *findings);

#endif /* MB_CLI_LINT_H */
