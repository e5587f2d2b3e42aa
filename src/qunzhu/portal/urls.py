"""The addresses of member pages; short, because they are typed and printed."""

from django.urls import path

from qunzhu.portal import challenges, debate, honours, level, mall, pages, privacy, redpacket, requests, rules, tasks

app_name = "portal"

urlpatterns = [
    path("", pages.front, name="front"),
    path("j/<str:code>/", pages.join, name="join"),
    path("j/<str:code>/qr.svg", pages.join_qr, name="join_qr"),
    path("g/<int:group_id>/", pages.chat, name="chat"),
    path("me/", pages.me, name="me"),
    path("me/groups/", pages.groups, name="groups"),
    path("me/switch/", pages.switch, name="switch"),
    path("me/points/", pages.points, name="points"),
    path("me/penalties/", pages.penalties, name="penalties"),
    path("me/data/", privacy.data, name="data"),
    path("me/data/<str:token>/", privacy.data_file, name="data_file"),
    path("me/clearances/", requests.ad_clearances, name="clearances"),
    path("me/clearances/<int:seq>/", requests.clearance_act, name="clearance_act"),
    path("me/leave/", requests.leave, name="leave"),
    path("me/penalties/<int:seq>/", pages.penalty, name="penalty"),
    path("me/rules/", rules.rules, name="rules"),
    path("me/rules/agree/", rules.agree, name="agree"),
    path("me/level/", level.level, name="level"),
    path("me/honours/", honours.honours, name="honours"),
    path("me/honours/badges/", honours.badges, name="badges"),
    path("me/honours/fame/", honours.fame, name="fame"),
    path("me/challenges/", challenges.challenges, name="challenges"),
    path("me/challenges/<int:challenge_id>/", challenges.challenge, name="challenge"),
    path("me/mall/", mall.mall, name="mall"),
    path("me/mall/<int:number>/", mall.good, name="mall_good"),
    path("me/mall/orders/", mall.orders, name="mall_orders"),
    path("me/mall/orders/<int:order_id>/", mall.order, name="mall_order"),
    path("me/mall/pictures/<slug:sha256>.webp", mall.picture, name="mall_picture"),
    path("me/tasks/", tasks.tasks, name="tasks"),
    path("me/tasks/makeup/", tasks.make_up, name="make_up"),
    path("me/redpackets/", redpacket.packets, name="redpackets"),
    path("me/redpackets/<int:packet_id>/", redpacket.packet, name="redpacket"),
    path("me/debate/", debate.debates, name="debates"),
    path("me/debate/<int:number>/", debate.debate, name="debate"),
    path("me/debate/<int:number>/card.png", debate.card, name="debate_card"),
    path("language/", pages.language, name="language"),
]
