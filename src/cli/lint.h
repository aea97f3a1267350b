/* lint.h - what strategy files that load may still be wrong about: for `moonbid check`.
 *
 * Part of: cli (private).
 */
#ifndef MB_CLI_LINT_H
#define MB_CLI_LINT_H

#include "findings.h"
#include "moonbid/config.h"

/* Adds what there is to say of the strategy files of the config's folders of scripts and candidates, and which strategies keep no
 * state of their own; with luacheck's findings where that is installed. Loads each file once more, in a state of its own, so only
 * what a checker has passed may be given. Gives CLI_OK, or CLI_ENVIRONMENT having said why. */
int cli_lint(const struct mb_config *config, struct findings *out);

#endif /* MB_CLI_LINT_H */
