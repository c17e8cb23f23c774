#define _GNU_SOURCE
#include "process_shims.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Between fork and exec only calls that are safe in the child of a program with threads.
static void become(const char *path, char *const arguments[], char *const environment[], const char *directory, const int standard[3])
{
    setpgid(0, 0);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, 0) != 0 || chdir(directory) != 0) return;
    for (int place = 0; place < 3; place++)
        if (dup2(standard[place], place) < 0) return;
    execve(path, arguments, environment);
}

pid_t v6_spawn(const char *path, char *const arguments[], char *const environment[], const char *directory, const int standard[3])
{
    int told[2];
    if (pipe2(told, O_CLOEXEC) != 0) return -1;
    // A handler of ours must not run in the child.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (child == 0) {
        // Above the standard descriptors; whatever else is open is closed by the kernel as the program starts.
        int telling = fcntl(told[1], F_DUPFD_CLOEXEC, 3);
        syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
        become(path, arguments, environment, directory, standard);
        int problem = errno;
        ssize_t ignored = write(telling, &problem, sizeof problem);
        (void)ignored;
        _exit(127);
    }
    int problem = errno;
    pthread_sigmask(SIG_SETMASK, &before, 0);
    close(told[1]);
    if (child > 0) {
        ssize_t count;
        do count = read(told[0], &problem, sizeof problem);
        while (count < 0 && errno == EINTR);
        if (count > 0) {
            while (waitpid(child, 0, 0) < 0 && errno == EINTR) {}
            child = -1;
        }
    }
    close(told[0]);
    errno = problem;
    return child;
}

void v6_await_end(pid_t child)
{
    siginfo_t info;
    // Its number, and that of its group, stay taken until it is waited for in earnest.
    while (waitid(P_PID, child, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {}
}

int v6_reap(pid_t child)
{
    int status = 0;
    kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
