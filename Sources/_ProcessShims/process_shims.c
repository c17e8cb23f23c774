#define _GNU_SOURCE
#include "process_shims.h"
#include <sys/prctl.h>
#include <unistd.h>

int v6_set_user(uid_t user) { return setresuid(user, user, user); }
int v6_set_group(gid_t group) { return setresgid(group, group, group); }
int v6_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
