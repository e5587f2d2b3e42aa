"""Every page of the console: /console/<community>/…"""

from django.urls import URLPattern, URLResolver, path

from qunzhu.console.desk_urls import DESK
from qunzhu.console.pages import feed, groups, home, members, search, session

app_name = "console"

_ACCOUNT: list[URLPattern | URLResolver] = [
    path("", session.entrance, name="entrance"),
    path("login/", session.sign_in, name="login"),
    path("logout/", session.sign_out, name="logout"),
    path("password/", session.change_password, name="password"),
    path("language/", session.choose_language, name="language"),
]

_COMMUNITY: list[URLPattern | URLResolver] = [
    path("<slug:slug>/", home.home, name="home"),
    path("<slug:slug>/live/", home.live, name="home_live"),
    path("<slug:slug>/search/", search.search, name="search"),
    path("<slug:slug>/feed/", feed.feed, name="feed"),
    path("<slug:slug>/feed/newer/", feed.newer, name="feed_newer"),
    path("<slug:slug>/feed/export.<format:fmt>", feed.export, name="feed_export"),
    path("<slug:slug>/events/<int:seq>/", feed.event, name="event"),
    path("<slug:slug>/groups/", groups.index, name="groups"),
    path("<slug:slug>/groups/export.<format:fmt>", groups.export, name="groups_export"),
    path("<slug:slug>/groups/<int:group_id>/", groups.detail, name="group"),
    path("<slug:slug>/groups/<int:group_id>/act/", groups.act, name="group_act"),
    path("<slug:slug>/members/", members.index, name="members"),
    path("<slug:slug>/members/export.<format:fmt>", members.export, name="members_export"),
    path("<slug:slug>/members/<int:member_id>/", members.detail, name="member"),
    path("<slug:slug>/members/<int:member_id>/act/", members.act, name="member_act"),
]

urlpatterns: list[URLPattern | URLResolver] = [*_ACCOUNT, *_COMMUNITY, *DESK]
