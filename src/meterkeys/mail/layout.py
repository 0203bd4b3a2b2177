"""The one layout of the HTML parts. Mail programs drop style sheets, so styles stand in the elements.

Everything filled in here is escaped HTML already.
"""

PAGE = """\
<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{subject}</title>
</head>
<body style="margin:0;padding:24px 12px;background:#f6f8fb;color:#1d273b;font-family:Arial,Helvetica,sans-serif;\
font-size:16px;line-height:1.5">
<div lang="{language}" style="max-width:600px;margin:0 auto;padding:24px;background:#ffffff;border:1px solid #dce1e7;\
border-radius:8px;overflow-wrap:break-word">
{blocks}
<hr style="margin:24px 0 16px;border:0;border-top:1px solid #dce1e7">
<p style="margin:0 0 4px;font-size:14px;color:#59636e">{before_link}</p>
<p style="margin:0 0 16px;font-size:14px"><a href="{link}" style="color:#0054a6;word-break:break-all">{link}</a></p>
<p style="margin:0;font-size:14px;color:#59636e">{automatic}</p>
</div>
</body>
</html>
"""

PARAGRAPH = '<p style="margin:0 0 16px">{words}</p>'

LIST = '<ul style="margin:0 0 16px;padding-left:24px">\n{items}\n</ul>'

ITEM = '<li style="margin:0 0 4px">{words}</li>'

# A table's cell keeps its padding and colour in mail programs that ignore both on links.
BUTTON = """\
<table role="presentation" cellpadding="0" cellspacing="0" style="margin:24px 0">
<tr><td style="border-radius:6px;background:#0054a6">
<a href="{link}" style="display:inline-block;padding:12px 20px;border-radius:6px;color:#ffffff;font-weight:bold;\
text-decoration:none">{words}</a>
</td></tr>
</table>"""
