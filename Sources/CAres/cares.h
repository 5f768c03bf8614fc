#include <ares.h>

// Macros or members of an enum, by the version of c-ares: as numbers they are the same to Swift.
static const int cares_success = ARES_SUCCESS;
static const int cares_no_data = ARES_ENODATA;
static const int cares_not_found = ARES_ENOTFOUND;
