/* turn.h - whose turn it is on a core that bids and other work share.
 *
 * The system hands out a core in slices of some milliseconds. Where the thread that bids wakes up while other work has its
 * slice, a bid would stand behind the rest of it. A thread says here of which kind it is; what the system refuses, or is too
 * old for, only makes it less kind.
 *
 * Part of: base.  Depends on: -.
 * Threads:  each function is about the calling thread alone, and those that it starts later.
 */
#ifndef MB_BASE_TURN_H
#define MB_BASE_TURN_H

/* From now on this thread gets a core as soon as it wakes up, also from one that has just begun its slice. It is handed on to
 * others the sooner for it: its share stays the same. Costs a system call. */
void mb_turn_prompt(void);

/* From now on this thread takes a core from nobody who bids or commits. Beside one that is never idle it still gets a tenth of
 * the core: a reload has to end, too. For good: only a privileged process could take it back. Once or often is the same. Costs
 * three system calls. */
void mb_turn_give_way(void);

/* From now on, until mb_turn_yield_no_more on the same thread, it also hands the core on to who waits for it whenever it has had
 * it for some 0.2 ms. For a piece of work that takes milliseconds: a thread that sleeps is woken for nothing. Uses one realtime
 * signal, whose handler restarts system calls. Where the system gives no timer nothing happens. Costs some system calls, then
 * 5,000 signals a second. */
void mb_turn_yield_often(void);
void mb_turn_yield_no_more(void); /* nothing happens where none was begun */

#endif /* MB_BASE_TURN_H */
