/* SPDX-License-Identifier: Apache-2.0 */
/* xml_text.h - names from anywhere, between the tags and in the attributes of SVG and HTML. */
#ifndef TOOLS_XML_TEXT_H
#define TOOLS_XML_TEXT_H

#include <stdio.h>

/* UTF-8, escaped; controls and marks that turn the direction of text become U+FFFD. */
void xml_text(FILE *to, const char *text);
/* Bytes of any encoding, escaped; what is not printable ASCII becomes '?'. */
void xml_bytes(FILE *to, const char *text);

#endif
