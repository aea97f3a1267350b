/* base.h - everything of the base module: memory, strings, money, time, errors, log.
 *
 * Part of: base.  Each header below can also be included alone.
 */
#ifndef MB_BASE_H
#define MB_BASE_H

#include "moonbid/base/arena.h"
#include "moonbid/base/buf.h"
#include "moonbid/base/cidr.h"
#include "moonbid/base/err.h"
#include "moonbid/base/log.h"
#include "moonbid/base/map.h"
#include "moonbid/base/money.h"
#include "moonbid/base/rows.h"
#include "moonbid/base/slice.h"
#include "moonbid/base/stats.h"
#include "moonbid/base/time.h"
#include "moonbid/base/turn.h"
#include "moonbid/base/zone.h"

#endif /* MB_BASE_H */
