// libcurl's variadic calls, each for one type of argument: Swift cannot call a variadic C function.
#ifndef V6_CURL_SHIMS_H
#define V6_CURL_SHIMS_H

#include <curl/curl.h>

CURLcode v6_curl_set_long(CURL *handle, CURLoption option, long value);
CURLcode v6_curl_set_size(CURL *handle, CURLoption option, curl_off_t value);
CURLcode v6_curl_set_string(CURL *handle, CURLoption option, const char *value);
CURLcode v6_curl_set_pointer(CURL *handle, CURLoption option, void *value);
CURLcode v6_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value);
CURLcode v6_curl_set_write(CURL *handle, size_t (*function)(char *, size_t, size_t, void *));
CURLcode v6_curl_set_header(CURL *handle, size_t (*function)(char *, size_t, size_t, void *));
CURLcode v6_curl_set_read(CURL *handle, size_t (*function)(char *, size_t, size_t, void *));
CURLcode v6_curl_set_seek(CURL *handle, int (*function)(void *, curl_off_t, int));
CURLcode v6_curl_get_status(CURL *handle, long *value);

#endif
