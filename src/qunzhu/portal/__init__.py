"""Members' shell: join, chat, points, penalties. Pages for a phone, without a login form.

Who a browser is stands in the signed cookie `qz_member` (one member in each community, the one
looked at first). Pages read; every act goes through the receiver (`/in/local/…`), except joining, which is the local
chat's own service.
"""
