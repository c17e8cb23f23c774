#define _GNU_SOURCE
#include "process_shims.h"
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

int v6_set_user(uid_t user) { return setresuid(user, user, user); }
int v6_set_group(gid_t group) { return setresgid(group, group, group); }
int v6_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
int v6_memory_file(void) { return memfd_create("v6-flower", MFD_CLOEXEC); }
