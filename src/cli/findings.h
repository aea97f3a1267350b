/* findings.h - what `moonbid check` has to say of config and scripts, gathered, then printed for people or machines.
 *
 * Part of: cli (private).
 */
#ifndef MB_CLI_FINDINGS_H
#define MB_CLI_FINDINGS_H

#include "moonbid/base.h"

struct finding {
    struct mb_slice file;       /* as it would be opened from here */
    int line, column;           /* from 1; 0: unknown */
    struct mb_slice code;       /* a word that stays: docs/strategies.md has them */
    bool warning;               /* loads all the same */
    struct mb_slice message;
    struct mb_slice suggestion; /* absent: none */
};

/* Zero it, with an arena of its own; findings_fini frees. Texts live in the arena. */
struct findings {
    struct mb_arena arena;
    struct finding *items;
    size_t count, room, errors;
    struct mb_buf pure, impure; /* names of strategies, a zero byte behind each */
    size_t n_pure, n_impure;
};

void findings_init(struct findings *findings);
void findings_fini(struct findings *findings);
/* Copies its texts. */
void findings_add(struct findings *findings, const struct finding *finding);
/* What a check reported: a document with "problems". */
void findings_add_report(struct findings *findings, struct mb_slice report);

struct findings_outcome {
    bool taken; /* a reload would be */
    size_t n_strategies;
    const char *version;
};
void findings_print_text(const struct findings *findings, const struct findings_outcome *outcome);
void findings_print_json(const struct findings *findings, const struct findings_outcome *outcome);

#endif /* MB_CLI_FINDINGS_H */
